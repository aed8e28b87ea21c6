//! Passwords: asked at the terminal without showing them, or read from standard input.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
};

use anyhow::Context as _;
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use zeroize::Zeroizing;

use crate::failure::{Failure, INTERRUPTED};

/// Bytes of a password that are read.
const LONGEST: u64 = shared::password::LONGEST as u64;

/// A new password, asked for twice.
///
/// # Errors
/// When there is no terminal, the two differ, or the person gives up.
pub(crate) fn new_password(name: &str) -> anyhow::Result<String> {
    let mut terminal = Terminal::open()?;
    let first = terminal.ask(&format!("Password for {name}: "))?;
    let second = terminal.ask("The same again: ")?;
    anyhow::ensure!(first == second, "the two are not the same; nothing was changed");
    Ok(first)
}

/// A secret, asked for once.
///
/// # Errors
/// When there is no terminal, or the person gives up.
pub(crate) fn hidden(question: &str) -> anyhow::Result<Zeroizing<String>> {
    let value = Zeroizing::new(Terminal::open()?.ask(question)?);
    anyhow::ensure!(!value.is_empty(), "nothing was typed; nothing was changed");
    Ok(value)
}

/// The password on standard input, up to the end of its first line.
///
/// # Errors
/// When it cannot be read, or is not text.
pub(crate) fn password_from_stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().take(LONGEST + 2).read_to_string(&mut text).context("reading the password from standard input")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The terminal, showing nothing of what is typed. Put back as it was in the end.
struct Terminal {
    tty: File,
    before: Termios,
}

impl Terminal {
    fn open() -> anyhow::Result<Self> {
        let tty = OpenOptions::new().read(true).write(true).open("/dev/tty");
        let tty = tty.context("there is no terminal to ask at: give the password with --password-stdin")?;
        let before = termios::tcgetattr(&tty).context("looking at the terminal")?;
        let mut quiet = before.clone();
        // Key by key, Ctrl-C too: a program that ended in between would leave the terminal silent.
        quiet.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
        termios::tcsetattr(&tty, SetArg::TCSAFLUSH, &quiet).context("silencing the terminal")?;
        Ok(Self { tty, before })
    }

    fn ask(&mut self, question: &str) -> anyhow::Result<String> {
        self.tty.write_all(question.as_bytes())?;
        let mut typed = Vec::new();
        loop {
            let mut key = [0];
            let ended = self.tty.read(&mut key)? == 0;
            match key[0] {
                _ if ended => break,
                b'\r' | b'\n' => break,
                // Ctrl-C, Ctrl-D.
                3 | 4 => {
                    self.tty.write_all(b"\n")?;
                    return Err(Failure::Said(INTERRUPTED).into());
                }
                // Backspace takes a whole character.
                8 | 127 => while typed.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {},
                // Ctrl-U.
                21 => typed.clear(),
                byte if typed.len() < shared::password::LONGEST => typed.push(byte),
                _ => {}
            }
        }
        self.tty.write_all(b"\n")?;
        String::from_utf8(typed).context("the password is not UTF-8")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = termios::tcsetattr(&self.tty, SetArg::TCSAFLUSH, &self.before);
    }
}
