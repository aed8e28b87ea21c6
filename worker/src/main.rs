fn main() {
    worker::render::run_child_if_asked();
}
