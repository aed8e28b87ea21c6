//! The dashboard is compiled in: what is built anew there is built anew here. The folder is always there; what `make dashboard`
//! puts into it may not be.

fn main() {
    println!("cargo::rerun-if-changed=../dashboard/dist");
}
