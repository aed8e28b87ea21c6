//! A server that takes mail: it speaks SMTP on a real socket, keeps what it is given, and refuses as the test says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Bytes that a mail may have.
const MAX_MAIL: u64 = 4 * 1024 * 1024;

/// A mail as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Who it is from, as the envelope has it.
    pub from: String,
    /// Whom it is for.
    pub to: Vec<String>,
    /// Its headers and its text, with the dots of SMTP taken away.
    pub text: String,
}

impl Mail {
    /// A header, unfolded; or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        let found = head.lines().find_map(|line| {
            line.split_once(':')
                .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        });
        found.unwrap_or_default()
    }

    /// The text, with soft line ends and signs of quoted-printable taken away.
    #[must_use]
    pub fn body(&self) -> String {
        let body = self.text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        body.replace("=\r\n", "").replace("=3D", "=").replace("\r\n", "\n")
    }
}

/// A running server; it ends when it is dropped.
#[derive(Debug)]
pub struct Mailbox {
    /// Where it listens.
    pub address: SocketAddr,
    taken: Arc<Mutex<Vec<Mail>>>,
    task: JoinHandle<()>,
}

impl Mailbox {
    /// Listens on a free port of `127.0.0.1`. `answer` is given how many mails were offered before and the envelope's recipient, and
    /// says with which line that is answered: `250 yes`, `451 later`, `550 no such user`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(answer: impl Fn(usize, &str) -> String + Send + Sync + 'static) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (noted, answer) = (Arc::clone(&taken), Arc::new(answer));
        let offered = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, answer, offered) = (Arc::clone(&noted), Arc::clone(&answer), Arc::clone(&offered));
                tokio::spawn(async move {
                    let answer = |to: &str| answer(offered.fetch_add(1, std::sync::atomic::Ordering::SeqCst), to);
                    drop(serve(stream, &noted, &answer).await);
                });
            }
        });
        Ok(Self { address, taken, task })
    }

    /// Every mail that it took.
    #[must_use]
    pub fn taken(&self) -> Vec<Mail> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    stream: TcpStream,
    taken: &Mutex<Vec<Mail>>,
    answer: &(impl Fn(&str) -> String + Send + Sync),
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader.take(MAX_MAIL));
    writer.write_all(b"220 mailbox ESMTP\r\n").await?;
    let mut mail = Mail::default();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let (verb, rest) = line.trim_end().split_at(line.trim_end().find([' ', ':']).unwrap_or(line.trim_end().len()));
        let path = || rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(path, _)| path.to_owned());
        let said = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => "250-mailbox\r\n250 8BITMIME".to_owned(),
            "HELO" | "NOOP" => "250 mailbox".to_owned(),
            "RSET" => {
                mail = Mail::default();
                "250 forgotten".to_owned()
            }
            "MAIL" => {
                mail.from = path().unwrap_or_default();
                "250 yes".to_owned()
            }
            "RCPT" => {
                let to = path().unwrap_or_default();
                let said = answer(&to);
                if said.starts_with('2') {
                    mail.to.push(to);
                }
                said
            }
            "DATA" if mail.to.is_empty() => "503 for whom?".to_owned(),
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                loop {
                    let mut line = String::new();
                    if lines.read_line(&mut line).await? == 0 {
                        return Ok(());
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    mail.text.push_str(line.strip_prefix('.').unwrap_or(&line));
                }
                taken.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut mail));
                "250 taken".to_owned()
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "502 not here".to_owned(),
        };
        writer.write_all(format!("{said}\r\n").as_bytes()).await?;
    }
}
