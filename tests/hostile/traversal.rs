//! Files that lead elsewhere: what a provider's folder names or holds, and what a step leaves in its workspace.
//!
//! Slipway unpacks no zip and no archive that somebody brings. The tar streams that it handles come from the engine (a step's
//! workspace) and go back to it; what links and devices in those do is in `containers`, and what is done to such an archive in
//! `worker/tests/it/archives.rs`.

use std::{collections::BTreeMap, os::unix::fs::symlink, path::Path, process::Command};

use shared::formats::registry::Registry;

const WORKFLOW: &str = "apiVersion: slipway.dev/v1\nkind: Workflow\nmetadata: {name: w}\nsteps:\n  - {name: s, type: shell, config: {script: 'ls $SLIPWAY_BUNDLE'}}\n";

/// The folder of a good provider whose one workflow is in `file`.
fn provider(file: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("workflows")).unwrap();
    std::fs::write(folder.path().join("workflows/good.yaml"), WORKFLOW).unwrap();
    let manifest = format!(
        "apiVersion: v1\nkind: Provider\nmetadata: {{name: p, version: 1.0.0}}\nworkflows:\n  - {{name: w, file: {}, category: goldenpath}}\n",
        serde_json::to_string(file).unwrap()
    );
    std::fs::write(folder.path().join("provider.yaml"), manifest).unwrap();
    folder
}

/// All problems of a folder, in one text; empty when it is good.
fn problems(folder: &Path) -> String {
    match Registry::load(&[folder.to_owned()], &BTreeMap::new()) {
        Ok(_) => String::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn a_file_outside_the_providers_folder_is_not_read_by_any_name() {
    assert_eq!(problems(provider("workflows/good.yaml").path()), "");
    for (name, why) in [
        ("../../../../etc/passwd", "leads out of the provider's folder"),
        ("workflows/../../x.yaml", "leads out of the provider's folder"),
        ("workflows/../workflows/good.yaml", "leads out of the provider's folder"),
        ("/etc/passwd", "leads out of the provider's folder"),
        ("//etc/passwd", "leads out of the provider's folder"),
        ("file:///etc/passwd", "cannot be read"),
        ("%2e%2e/etc/passwd", "cannot be read"),
        ("..\\..\\etc\\passwd", "cannot be read"),
        ("~/.ssh/id_rsa", "cannot be read"),
        ("workflows", "is no file"),
        ("", "must not be empty"),
        (".", "is no file"),
    ] {
        let said = problems(provider(name).path());
        assert!(said.contains(why) && !said.contains("root:"), "{name}: {said}");
    }
    let zero = problems(provider("workflows/good.yaml\u{0}.png").path());
    assert!(!zero.is_empty(), "a name with a zero byte in it");
}

#[test]
fn nothing_is_linked_that_unpacks_a_zip_or_another_archive_that_somebody_brings() {
    let lock = include_str!("../../Cargo.lock");
    let crates: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    assert!(crates.contains(&"tar") && crates.len() > 100, "the list is not read");
    let unpack = [
        "zip",
        "async_zip",
        "rc-zip",
        "zip-extract",
        "sevenz-rust",
        "sevenz-rust2",
        "unrar",
        "cab",
        "ar",
        "cpio",
        "compress-tools",
    ];
    let found: Vec<&&str> = crates.iter().filter(|name| unpack.contains(name)).collect();
    assert!(found.is_empty(), "{found:?}: then its traversal, links and bombs are to be tried here");
}

#[test]
fn a_link_is_not_followed_wherever_it_leads() {
    for target in
        ["/etc/passwd", "/nonexistent", "good.yaml", "../workflows/good.yaml", "/proc/self/environ", "bad.yaml"]
    {
        let folder = provider("workflows/bad.yaml");
        symlink(target, folder.path().join("workflows/bad.yaml")).unwrap();
        let said = problems(folder.path());
        assert!(
            said.contains("'workflows/bad.yaml' is or goes through a link, which is not followed"),
            "{target}: {said}"
        );
        assert!(!said.contains("root:"), "{said}");
    }
    let folder = provider("etc/passwd");
    symlink("/etc", folder.path().join("etc")).unwrap();
    assert!(problems(folder.path()).contains("goes through a link"));

    // Nor among the files for steps, nor for the manifest.
    let folder = provider("workflows/good.yaml");
    symlink("/etc/passwd", folder.path().join("script.sh")).unwrap();
    assert!(problems(folder.path()).contains("'script.sh' is or goes through a link"), "{}", problems(folder.path()));
    let folder = provider("workflows/good.yaml");
    std::fs::rename(folder.path().join("provider.yaml"), folder.path().join("real.yaml")).unwrap();
    symlink("real.yaml", folder.path().join("provider.yaml")).unwrap();
    assert!(problems(folder.path()).contains("is or goes through a link"), "{}", problems(folder.path()));
}

#[test]
fn a_pipe_or_a_device_is_not_opened() {
    let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success(), "mkfifo");
    let folder = provider("workflows/pipe.yaml");
    pipe(&folder.path().join("workflows/pipe.yaml"));
    let said = problems(folder.path());
    assert!(said.contains("'workflows/pipe.yaml' is no file"), "{said}");

    let folder = provider("workflows/good.yaml");
    pipe(&folder.path().join("data"));
    let said = problems(folder.path());
    assert!(said.contains("'data' is neither file nor folder"), "{said}");

    let folder = provider("workflows/good.yaml");
    std::fs::create_dir(folder.path().join("step-types")).unwrap();
    pipe(&folder.path().join("step-types/x.yaml"));
    let said = problems(folder.path());
    assert!(said.contains("'step-types/x.yaml' is no file"), "{said}");

    let socket = provider("workflows/socket.yaml");
    let _listening = std::os::unix::net::UnixListener::bind(socket.path().join("workflows/socket.yaml")).unwrap();
    assert!(problems(socket.path()).contains("is no file"), "{}", problems(socket.path()));
}

#[test]
fn a_folder_without_measure_is_refused() {
    let deep = provider("workflows/good.yaml");
    std::fs::create_dir_all(deep.path().join(vec!["d"; 40].join("/"))).unwrap();
    assert!(problems(deep.path()).contains("more than 16 folders deep"), "{}", problems(deep.path()));

    let many = provider("workflows/good.yaml");
    for number in 0..2_100 {
        std::fs::write(many.path().join(format!("f{number}")), "").unwrap();
    }
    assert!(problems(many.path()).contains("more than 2000 files"), "{}", problems(many.path()));

    // A hole of a terabyte is nothing on disk.
    let huge = provider("workflows/good.yaml");
    std::fs::File::create(huge.path().join("hole")).unwrap().set_len(1 << 40).unwrap();
    assert!(problems(huge.path()).contains("larger than 4194304 bytes with 'hole'"), "{}", problems(huge.path()));
    let huge = provider("workflows/hole.yaml");
    std::fs::File::create(huge.path().join("workflows/hole.yaml")).unwrap().set_len(1 << 40).unwrap();
    assert!(!problems(huge.path()).is_empty());

    // One large file that a small manifest names a thousand times.
    let again = provider("workflows/good.yaml");
    let manifest = (0..1_000).fold(
        "apiVersion: v1\nkind: Provider\nmetadata: {name: p, version: 1.0.0}\nworkflows:\n".to_owned(),
        |text, n| format!("{text}  - {{name: w{n}, file: workflows/good.yaml, category: goldenpath}}\n"),
    );
    std::fs::write(again.path().join("provider.yaml"), manifest).unwrap();
    std::fs::write(again.path().join("workflows/good.yaml"), format!("{WORKFLOW}#{}\n", "x".repeat(900_000))).unwrap();
    let said = problems(again.path());
    assert!(said.contains("this provider's files have more than 16777216 bytes together"), "{said}");
}

#[test]
fn a_name_that_is_no_text_or_steers_a_terminal_does_not_get_into_messages_raw() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = provider("workflows/good.yaml");
    std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"a\xffb")), "").unwrap();
    assert!(problems(folder.path()).contains("a file's name is no text"), "{}", problems(folder.path()));
    let folder = provider("workflows/good.yaml");
    std::fs::write(folder.path().join("a\nb"), "").unwrap();
    // It is a name; it goes to steps as it is.
    assert_eq!(problems(folder.path()), "");
}
