//! The file with people: who may log in by a password, for development and small installations.
//!
//! ```yaml
//! people:
//!   - name: ada
//!     password: $argon2id$v=19$m=19456,t=2,p=1$…
//!     roles: [developer]
//!     teams: [shop]
//! ```

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{password, store::person::Listed};

/// Bytes that the file may have.
const MAX_BYTES: u64 = 1024 * 1024;
/// Characters that a name may have.
const MAX_NAME: usize = 63;

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// The people, in the order of the file.
    #[serde(default)]
    pub people: Vec<Person>,
}

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What they log in as.
    pub name: String,
    /// The hash of their password, by argon2id.
    pub password: String,
    /// What they are trusted with: `admin`, `developer`, `viewer`, `approver`, `auditor`, and the house's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Their teams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// Whether they are kept out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// It is longer than 1 MiB.
    #[error("{0}: longer than 1 MiB")]
    TooLong(PathBuf),
    /// Others than its owner can change it, and so could make themselves admins.
    #[error("{path}: others may write it (mode {mode:04o}); `chmod 600 {path}`")]
    Unsafe {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is not what such a file holds.
    #[error("{path}: {problem}")]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
}

/// Whether this can be the name of a person: 1 to 63 of `a-z`, `0-9`, `.`, `_`, `@`, `-`, the first a letter or digit.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= MAX_NAME && name.starts_with(plain) && name.chars().all(|c| plain(c) || "._@-".contains(c))
}

impl People {
    /// Reads the file; none when there is none.
    ///
    /// # Errors
    /// When it cannot be read, others may write it, or it is not right; the message says what and where.
    pub fn read(path: &Path) -> Result<Option<Self>, PeopleError> {
        let io = |source| PeopleError::Io { path: path.to_owned(), source };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        let mode = file.metadata().map_err(io)?.permissions().mode() & 0o7777;
        if mode & 0o022 != 0 {
            return Err(PeopleError::Unsafe { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(io)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(PeopleError::TooLong(path.to_owned()));
        }
        let invalid = |problem: String| PeopleError::Invalid { path: path.to_owned(), problem };
        let people: Self = if text.trim().is_empty() {
            Self::default()
        } else {
            serde_yaml::from_str(&text).map_err(|error| invalid(error.to_string()))?
        };
        people.check().map_err(invalid)?;
        Ok(Some(people))
    }

    /// What is wrong with it, if anything is.
    ///
    /// # Errors
    /// With the first thing that is wrong.
    pub fn check(&self) -> Result<(), String> {
        let mut seen = std::collections::BTreeSet::new();
        for (index, person) in self.people.iter().enumerate() {
            let Person { name, password, roles, teams, .. } = person;
            if !is_name(name) {
                return Err(format!(
                    "people[{index}].name: '{}' is not 1 to {MAX_NAME} of a-z, 0-9, '.', '_', '@', '-'",
                    name.escape_default()
                ));
            }
            if !seen.insert(name) {
                return Err(format!("people[{index}].name: '{name}' is there twice"));
            }
            password::check_hash(password).map_err(|error| format!("people[{index}].password ({name}): {error}"))?;
            for (what, values) in [("roles", roles), ("teams", teams)] {
                let odd = |value: &&String| {
                    value.is_empty()
                        || value.len() > MAX_NAME
                        || value.chars().any(|c| c.is_control() || c.is_whitespace())
                };
                if let Some(value) = values.iter().find(odd) {
                    return Err(format!("people[{index}].{what} ({name}): '{}' is no name", value.escape_default()));
                }
            }
        }
        Ok(())
    }

    /// Somebody, by name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.name == name)
    }

    /// As the store takes them.
    #[must_use]
    pub fn listed(&self) -> Vec<Listed> {
        let listed = |person: &Person| Listed {
            name: person.name.clone(),
            roles: person.roles.clone(),
            teams: person.teams.clone(),
            disabled: person.disabled,
            password_mark: Sha256::digest(person.password.as_bytes()).to_vec(),
        };
        self.people.iter().map(listed).collect()
    }

    /// Writes the file as one step, for its owner only: whoever reads it sees the old or the new.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), PeopleError> {
        let io = |source| PeopleError::Io { path: path.to_owned(), source };
        let yaml = serde_yaml::to_string(self)
            .map_err(|error| PeopleError::Invalid { path: path.to_owned(), problem: error.to_string() })?;
        let text = format!(
            "# People who may log in. Written by `slipway user`; read again by the api when it changes.\n{yaml}"
        );
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        let owner = std::fs::metadata(path).ok().map(|found| (found.uid(), found.gid()));
        let replace = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            if let Some((user, group)) = owner {
                // Changed by root: it stays its owner's.
                let _ = std::os::unix::fs::fchown(&file, Some(user), Some(group));
            }
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, path)
        };
        replace().map_err(io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Person {
        Person {
            name: "ada".into(),
            password: password::hash("correct horse").unwrap(),
            roles: vec!["developer".into(), "security".into()],
            teams: vec!["shop".into()],
            disabled: false,
        }
    }

    #[test]
    fn what_was_written_is_read_again_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.yaml");
        assert_eq!(People::read(&path).unwrap(), None);
        let people = People { people: vec![ada()] };
        people.write(&path).unwrap();
        assert_eq!(People::read(&path).unwrap(), Some(people));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.yaml");
        People { people: vec![ada()] }.write(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o620)).unwrap();
        let error = People::read(&path).unwrap_err().to_string();
        assert!(error.contains("others may write it (mode 0620)") && error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let wrong = |change: fn(&mut People)| {
            let mut people = People { people: vec![ada()] };
            change(&mut people);
            people.check().unwrap_err()
        };
        assert!(wrong(|it| it.people[0].name = "Ada L".into()).starts_with("people[0].name: 'Ada L' is not"));
        assert_eq!(wrong(|it| it.people.push(it.people[0].clone())), "people[1].name: 'ada' is there twice");
        assert!(wrong(|it| it.people[0].password = "plain".into()).starts_with("people[0].password (ada): not a hash"));
        assert_eq!(wrong(|it| it.people[0].teams = vec!["".into()]), "people[0].teams (ada): '' is no name");
    }
}
