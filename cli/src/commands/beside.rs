//! Files beside a Score file, that its containers get.

use std::{
    fs,
    io::Read as _,
    path::{Component, Path, PathBuf},
};

use shared::formats::{
    problem::Problem,
    score::{self, Embedded},
};

use super::validate::FILE_BYTES;

/// The folder of a Score file: nothing outside it is read, and not more than a submission may hold.
#[derive(Debug)]
pub(super) struct Beside {
    /// None: the Score file was read from standard input.
    folder: Option<PathBuf>,
    left: u64,
}

impl Beside {
    /// What is beside `file`; `-` is beside nothing.
    pub(super) fn of(file: &str) -> Self {
        let folder = || {
            Path::new(file).parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
        };
        Self { folder: if file == "-" { None } else { folder().map(Path::to_owned) }, left: FILE_BYTES }
    }

    /// The content of a file that the Score file names.
    ///
    /// # Errors
    /// Why it cannot be had, for the Score file's author.
    pub(super) fn read(&mut self, source: &str) -> Result<Vec<u8>, String> {
        let Some(folder) = &self.folder else {
            return Err(format!(
                "'{source}' is beside the Score file, and this one came from standard input: name its file, or write 'content'"
            ));
        };
        let outside = |component: Component<'_>| !matches!(component, Component::CurDir | Component::Normal(_));
        if Path::new(source).components().any(outside) {
            return Err(format!("'{source}' leads out of the Score file's folder, and only that is read"));
        }
        let path = folder.join(source);
        let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
        let real = path.canonicalize().map_err(unreadable)?;
        if !real.starts_with(folder.canonicalize().map_err(unreadable)?) {
            return Err(format!("'{source}' leads out of the Score file's folder by a link, and only that is read"));
        }
        // Opening a pipe would wait for its writer.
        if !fs::metadata(&real).map_err(unreadable)?.is_file() {
            return Err(format!("{} is no file", path.display()));
        }
        let mut content = Vec::new();
        let opened = fs::File::open(&real).map_err(unreadable)?;
        opened.take(self.left + 1).read_to_end(&mut content).map_err(unreadable)?;
        self.left = self
            .left
            .checked_sub(content.len() as u64)
            .ok_or_else(|| format!("with '{source}' the Score file's files are larger than 1 MiB together"))?;
        Ok(content)
    }
}

/// The text of a Score file with the content of the files that it names.
///
/// # Errors
/// When the text cannot be read, and each file that cannot, at its place in `file`.
pub(super) fn embed(text: &str, file: &str) -> Result<Embedded, Vec<Problem>> {
    let mut beside = Beside::of(file);
    score::embed(text, &mut |source| beside.read(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("app/conf")).unwrap();
        fs::write(folder.path().join("app/conf/a"), "inside").unwrap();
        fs::write(folder.path().join("secret"), "outside").unwrap();
        fs::write(folder.path().join("app/large"), vec![b'x'; FILE_BYTES as usize]).unwrap();
        std::os::unix::fs::symlink("../secret", folder.path().join("app/out")).unwrap();
        std::os::unix::fs::symlink("conf/a", folder.path().join("app/in")).unwrap();
        folder
    }

    #[test]
    fn only_files_of_the_folder_are_read() {
        let folder = folder();
        let score = folder.path().join("app/score.yaml").display().to_string();
        let read = |source: &str| Beside::of(&score).read(source);
        for inside in ["conf/a", "./conf/a", "in"] {
            assert_eq!(read(inside).unwrap(), b"inside", "{inside}");
        }
        let absolute = folder.path().join("app/conf/a").display().to_string();
        for outside in ["../secret", "conf/../../secret", absolute.as_str(), "out"] {
            let refused = read(outside).unwrap_err();
            assert!(refused.contains("leads out of the Score file's folder"), "{refused}");
        }
        assert!(read("conf").unwrap_err().contains("is no file"));
        assert!(read("none").unwrap_err().contains("cannot be read"));
        assert!(Beside::of("-").read("conf/a").unwrap_err().contains("standard input"));
    }

    #[test]
    fn files_are_bounded_together() {
        let folder = folder();
        let mut beside = Beside::of(&folder.path().join("app/score.yaml").display().to_string());
        assert_eq!(beside.read("large").unwrap().len() as u64, FILE_BYTES);
        assert!(beside.read("conf/a").unwrap_err().contains("larger than 1 MiB together"));
    }
}
