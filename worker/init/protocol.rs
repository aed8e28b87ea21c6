//! What the worker and the init inside a container say to each other. Compiled into both, so it uses `std` alone.
//!
//! Towards the init, on its standard input: frames of one kind byte, a little-endian `u32` length and that many bytes.
//! Back, as the last thing on its standard error: one [`Report`] line that carries the hand-over's nonce.

use std::io::{self, Read};

/// The largest frame, in bytes: bounds what a confused worker can make the init allocate.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;
/// The folder that hand-over files live in.
pub const FILES_ROOT: &str = "/run/slipway";
/// Starts a report line; a control character, so that no text line is mistaken for one.
pub const REPORT_MARK: u8 = 0x1e;
/// The exit code for a hand-over that never came or made no sense.
pub const BAD_HAND_OVER: i32 = 125;

const COMMAND: u8 = 1;
const RENEW: u8 = 2;

/// A file to write before the command starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Absolute, under [`FILES_ROOT`].
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// What is in it.
    pub content: Vec<u8>,
}

/// What the init runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Comes back in the report; the step never learns it, so it cannot forge one.
    pub nonce: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Laid over the environment of the image.
    pub env: Vec<(String, String)>,
    /// Where it starts.
    pub cwd: String,
    /// Written first.
    pub files: Vec<File>,
    /// Milliseconds without a renewal after which the step is ended.
    pub deadline_ms: u64,
    /// Milliseconds between SIGTERM and SIGKILL.
    pub grace_ms: u64,
    /// Bytes that files on disk may take; beyond that the step is killed. 0: not looked at.
    pub max_disk: u64,
}

/// One message to the init.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Run this. Only the first one counts.
    Command(Box<Command>),
    /// Wait this many milliseconds longer, from now.
    Renew(u64),
}

/// How the command ended, as the init saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The exit code; 128 + n after signal n.
    pub code: i32,
    /// Whether the kernel killed a process of the container for memory.
    pub oom: bool,
    /// Whether the init ended it because nobody renewed.
    pub expired: bool,
    /// Whether somebody outside the container asked it to end: the worker, a person, or an engine that goes down.
    pub told: bool,
    /// Whether the init killed it because its files took more than they may.
    pub full: bool,
}

impl Message {
    /// The frame of this message.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let kind = match self {
            Self::Renew(ms) => {
                body.extend_from_slice(&ms.to_le_bytes());
                RENEW
            }
            Self::Command(command) => {
                command.put(&mut body);
                COMMAND
            }
        };
        let mut frame = Vec::with_capacity(body.len() + 5);
        frame.push(kind);
        frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
        frame.extend_from_slice(&body);
        frame
    }

    /// Takes one whole frame from the front of `buffer`; `None` when more bytes are needed.
    pub fn take(buffer: &mut Vec<u8>) -> io::Result<Option<Self>> {
        let Some(&[kind, a, b, c, d]) = buffer.first_chunk::<5>() else { return Ok(None) };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > MAX_FRAME {
            return Err(malformed("frame too long"));
        }
        if buffer.len() < 5 + length {
            return Ok(None);
        }
        let rest = buffer.split_off(5 + length);
        let frame = std::mem::replace(buffer, rest);
        let mut body = &frame[5..];
        let message = match kind {
            COMMAND => Self::Command(Box::new(Command::get(&mut body)?)),
            RENEW => Self::Renew(get_u64(&mut body)?),
            _ => return Err(malformed("unknown kind of message")),
        };
        if body.is_empty() { Ok(Some(message)) } else { Err(malformed("bytes left over")) }
    }
}

impl Command {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.nonce.as_bytes());
        put_count(out, self.argv.len());
        for argument in &self.argv {
            put_bytes(out, argument.as_bytes());
        }
        put_count(out, self.env.len());
        for (name, value) in &self.env {
            put_bytes(out, name.as_bytes());
            put_bytes(out, value.as_bytes());
        }
        put_bytes(out, self.cwd.as_bytes());
        put_count(out, self.files.len());
        for file in &self.files {
            put_bytes(out, file.path.as_bytes());
            out.extend_from_slice(&file.mode.to_le_bytes());
            put_bytes(out, &file.content);
        }
        out.extend_from_slice(&self.deadline_ms.to_le_bytes());
        out.extend_from_slice(&self.grace_ms.to_le_bytes());
        out.extend_from_slice(&self.max_disk.to_le_bytes());
    }

    fn get(body: &mut &[u8]) -> io::Result<Self> {
        let nonce = get_text(body)?;
        let argv = (0..get_u32(body)?).map(|_| get_text(body)).collect::<io::Result<_>>()?;
        let env = (0..get_u32(body)?).map(|_| Ok((get_text(body)?, get_text(body)?))).collect::<io::Result<_>>()?;
        let cwd = get_text(body)?;
        let files = (0..get_u32(body)?)
            .map(|_| Ok(File { path: get_text(body)?, mode: get_u32(body)?, content: get_bytes(body)? }))
            .collect::<io::Result<_>>()?;
        let (deadline_ms, grace_ms, max_disk) = (get_u64(body)?, get_u64(body)?, get_u64(body)?);
        Ok(Self { nonce, argv, env, cwd, files, deadline_ms, grace_ms, max_disk })
    }
}

impl Report {
    /// The line, with its mark and its newline.
    pub fn encode(&self, nonce: &str) -> Vec<u8> {
        let mark = char::from(REPORT_MARK);
        let flags = u8::from(self.oom) + 2 * u8::from(self.expired) + 4 * u8::from(self.told) + 8 * u8::from(self.full);
        format!("{mark}{nonce} {} {flags}\n", self.code).into_bytes()
    }

    /// Reads what follows the mark, up to the newline; `None` when it is not this nonce's report.
    pub fn decode(line: &[u8], nonce: &str) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let (code, flags) = text.strip_prefix(nonce)?.strip_prefix(' ')?.split_once(' ')?;
        let flags: u8 = flags.parse().ok()?;
        let set = |bit: u8| flags & bit != 0;
        Some(Self { code: code.parse().ok()?, oom: set(1), expired: set(2), told: set(4), full: set(8) })
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u32).to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn get_u32(body: &mut &[u8]) -> io::Result<u32> {
    let mut raw = [0; 4];
    body.read_exact(&mut raw)?;
    Ok(u32::from_le_bytes(raw))
}

fn get_u64(body: &mut &[u8]) -> io::Result<u64> {
    let mut raw = [0; 8];
    body.read_exact(&mut raw)?;
    Ok(u64::from_le_bytes(raw))
}

fn get_bytes(body: &mut &[u8]) -> io::Result<Vec<u8>> {
    let length = get_u32(body)? as usize;
    let (bytes, rest) = body.split_at_checked(length).ok_or_else(|| malformed("cut short"))?;
    *body = rest;
    Ok(bytes.to_vec())
}

fn get_text(body: &mut &[u8]) -> io::Result<String> {
    String::from_utf8(get_bytes(body)?).map_err(|_| malformed("not UTF-8"))
}
