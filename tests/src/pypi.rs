//! Programs from PyPI, at the versions that a fixture names, installed by the first test that wants them.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;

use crate::settings;

const MISSING: &str =
    "python3 with venv is not installed; `make test` installs it, or do it by `apt-get install python3-venv`";

/// The folder with the programs of `fixtures/NAME/requirements.txt`, which names all that they need: nothing is looked up.
///
/// # Errors
/// When they cannot be installed; the message says what to install.
pub async fn programs(name: &str) -> anyhow::Result<PathBuf> {
    let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).join("requirements.txt");
    let folder = settings::programs()?.join(name);
    std::fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("install.lock"))?;
    // Tests are processes of their own; the others wait here for the one that installs.
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    let text = std::fs::read(&wanted)?;
    let (venv, done) = (folder.join("venv"), folder.join("installed.txt"));
    if !std::fs::read(&done).is_ok_and(|there| there == text) {
        let venv = venv.display().to_string();
        run(Path::new("python3"), &["-m", "venv", "--clear", &venv]).await?;
        let pip = Path::new(&venv).join("bin/pip");
        let wanted = wanted.display().to_string();
        // Compiling what is never run takes most of the time.
        let flags = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--requirement"];
        run(&pip, &[&flags[..], &[wanted.as_str()]].concat()).await?;
        std::fs::write(done, text)?;
    }
    drop(lock);
    Ok(venv.join("bin"))
}

async fn run(program: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(300), command.output());
    let output = output.await.with_context(|| format!("{} takes five minutes", program.display()))?.context(MISSING)?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{}: {said}\n{MISSING}", program.display());
    Ok(())
}
