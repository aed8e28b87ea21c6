//! The people of a `slipway dev`: one admin to begin with.

use std::path::PathBuf;

use anyhow::Context as _;
use rand::RngExt as _;
use shared::{
    password,
    people::{People, Person},
};

use super::files::{self, Folders};

/// Who is there from the start.
const ADMIN: &str = "admin";
/// Characters of their password: none that is taken for another.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Where people are, and how to log in.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// The file.
    pub(crate) file: PathBuf,
    /// The file with the admin's password, unless somebody removed it.
    pub(crate) password_file: Option<PathBuf>,
}

/// Makes the file, with an admin whose password is in a file beside it; one that is there is left as it is.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn prepare(folders: &Folders) -> anyhow::Result<Prepared> {
    let (file, password_file) = (folders.dir.join("people.yaml"), folders.dir.join("admin-password"));
    if !file.exists() {
        let secret = readable_password();
        let hash = password::hash(&secret).context("the admin's password")?;
        let admin = Person {
            name: ADMIN.into(),
            password: hash,
            roles: vec!["admin".into()],
            teams: Vec::new(),
            disabled: false,
        };
        files::write(&password_file, &format!("{secret}\n"), 0o600)?;
        files::give_to_owner_of_project(&password_file)?;
        People { people: vec![admin] }.write(&file)?;
        files::give_to_owner_of_project(&file)?;
    }
    Ok(Prepared { file, password_file: password_file.exists().then_some(password_file) })
}

/// 99 bits, to be typed by a person: `k7xmq-2p9rt-…`.
fn readable_password() -> String {
    let mut random = rand::rng();
    let mut group = || (0..5).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect::<String>();
    [group(), group(), group(), group()].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_is_made_once_and_the_password_beside_it_is_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders { dir: folder.path().into(), data: folder.path().into(), instance: "dev-1".into() };
        let prepared = prepare(&folders).unwrap();
        let secret = std::fs::read_to_string(prepared.password_file.unwrap()).unwrap();
        let people = People::read(&prepared.file).unwrap().unwrap();
        assert!(password::verify(Some(&people.people[0].password), secret.trim()));
        assert_eq!(people.people[0].roles, ["admin"]);

        std::fs::remove_file(folder.path().join("admin-password")).unwrap();
        let again = prepare(&folders).unwrap();
        assert_eq!(People::read(&again.file).unwrap().unwrap(), people);
        assert_eq!(again.password_file, None);
    }
}
