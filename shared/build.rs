//! A migration that is added changes the program that carries them all.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
