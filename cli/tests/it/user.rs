//! `slipway user`: the file with people, by the real binary.

use std::{
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use shared::{password, people::People};

fn slipway(folder: &Path, arguments: &[&str], typed: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_slipway"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const ADD: [&str; 9] = ["user", "add", "ada", "--role", "developer", "--team", "shop", "--file", "people.yaml"];

fn add(folder: &Path, typed: &str) -> Output {
    slipway(folder, &[&ADD[..], &["--password-stdin"]].concat(), typed)
}

fn read(folder: &Path) -> People {
    People::read(&folder.join("people.yaml")).unwrap().unwrap()
}

#[test]
fn somebody_is_added_with_the_hash_of_their_password_and_the_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let output = add(folder.path(), "correct horse\n");
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(out(&output), "ada: added (people.yaml); a running api knows within a second\n");
    let people = read(folder.path());
    let ada = people.find("ada").unwrap();
    assert_eq!((ada.roles.as_slice(), ada.teams.as_slice()), (&["developer".to_owned()][..], &["shop".to_owned()][..]));
    assert!(password::verify(Some(&ada.password), "correct horse"));
    let mode = std::fs::metadata(folder.path().join("people.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let again = add(folder.path(), "correct horse\n");
    assert_eq!(again.status.code(), Some(1));
    assert!(err(&again).contains("ada is in people.yaml already; `slipway user set` and `passwd` change them"));
}

#[test]
fn people_are_listed_changed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], typed: &str| {
        let output = slipway(folder.path(), &[arguments, &["--file", "people.yaml"]].concat(), typed);
        assert!(output.status.success(), "{arguments:?}: {}", err(&output));
        out(&output)
    };
    assert!(run(&["user", "list"], "").starts_with("nobody yet: `slipway user add"));
    add(folder.path(), "correct horse\n");
    let before = read(folder.path()).people[0].password.clone();
    run(&["user", "set", "ada", "--role", "developer", "--role", "approver"], "");
    run(&["user", "disable", "ada"], "");
    assert_eq!(
        run(&["user", "list"], ""),
        "NAME  ROLES               TEAMS  STATE\nada   developer,approver  shop   disabled\n"
    );
    let listed: serde_json::Value = serde_json::from_str(&run(&["user", "list", "-o", "json"], "")).unwrap();
    assert_eq!(
        listed,
        serde_json::json!({ "items": [
            { "name": "ada", "roles": ["developer", "approver"], "teams": ["shop"], "disabled": true }
        ] })
    );
    run(&["user", "enable", "ada"], "");
    run(&["user", "passwd", "ada", "--password-stdin"], "another horse\n");
    let ada = read(folder.path()).people.remove(0);
    assert!(!ada.disabled && ada.password != before && password::verify(Some(&ada.password), "another horse"));
    run(&["user", "remove", "ada"], "");
    assert_eq!(read(folder.path()), People::default());
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let short = add(folder.path(), "short\n");
    assert_eq!((short.status.code(), err(&short).as_str()), (Some(1), "error: a password has at least 8 characters\n"));
    let odd = slipway(folder.path(), &["user", "add", "Ada L", "--role", "viewer", "--file", "p"], "");
    assert!(err(&odd).contains("'Ada L' is no name"), "{}", err(&odd));
    let nobody = slipway(folder.path(), &["user", "disable", "bob", "--file", "people.yaml"], "");
    assert_eq!(err(&nobody), "error: there is nobody called 'bob' in people.yaml\n");
    let nowhere = slipway(folder.path(), &["user", "list"], "");
    assert!(err(&nowhere).contains("no file with people: give --file"), "{}", err(&nowhere));
    assert!(!folder.path().join("people.yaml").exists());
}

#[test]
fn a_role_that_may_be_mistyped_is_pointed_out() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["user", "add", "ada", "--role", "develloper", "--file", "people.yaml", "--password-stdin"];
    let output = slipway(folder.path(), &arguments, "correct horse\n");
    assert!(output.status.success());
    assert!(
        err(&output).contains("'develloper' is none of Slipway's roles (admin, developer, viewer, approver, auditor)"),
        "{}",
        err(&output)
    );
}
