//! Cuts the bytes of a container's two streams into lines, and takes the init's report out of them.

use chrono::{DateTime, Utc};

use super::protocol::{REPORT_MARK, Report};
use crate::engine::{OutputLine, OutputStream};

/// Longer lines are cut.
const MAX_LINE: usize = 16 * 1024;
/// A report line is shorter than this.
const MAX_REPORT: usize = 128;

/// What is left over of each stream between two pieces.
#[derive(Debug, Default)]
pub(super) struct Lines {
    nonce: String,
    out: Vec<u8>,
    err: Vec<u8>,
    /// What the init said last, once it has.
    pub(super) report: Option<Report>,
}

impl Lines {
    pub(super) fn new(nonce: String) -> Self {
        Self { nonce, ..Self::default() }
    }

    /// Adds a piece and gives the lines that it completes.
    pub(super) fn feed(&mut self, stream: OutputStream, at: DateTime<Utc>, piece: &[u8]) -> Vec<OutputLine> {
        let mut done = Vec::new();
        let mut rest =
            if stream == OutputStream::Stderr { std::mem::take(&mut self.err) } else { std::mem::take(&mut self.out) };
        rest.extend_from_slice(piece);
        let mut from = 0;
        while let Some(length) = rest[from..].iter().position(|byte| *byte == b'\n') {
            self.line(stream, at, &rest[from..from + length], true, &mut done);
            from += length + 1;
        }
        while rest.len() - from >= MAX_LINE + MAX_REPORT {
            self.line(stream, at, &rest[from..from + MAX_LINE], false, &mut done);
            from += MAX_LINE;
        }
        rest.drain(..from);
        if stream == OutputStream::Stderr {
            self.err = rest;
        } else {
            self.out = rest;
        }
        done
    }

    /// What came without a newline at the end.
    pub(super) fn finish(&mut self, at: DateTime<Utc>) -> Vec<OutputLine> {
        let mut done = Vec::new();
        for (stream, rest) in [
            (OutputStream::Stdout, std::mem::take(&mut self.out)),
            (OutputStream::Stderr, std::mem::take(&mut self.err)),
        ] {
            if !rest.is_empty() {
                self.line(stream, at, &rest, false, &mut done);
            }
        }
        done
    }

    fn line(&mut self, stream: OutputStream, at: DateTime<Utc>, line: &[u8], ended: bool, done: &mut Vec<OutputLine>) {
        let mut line = line;
        let mut reported = false;
        if ended
            && stream == OutputStream::Stderr
            && let Some(mark) = line.iter().rposition(|byte| *byte == REPORT_MARK)
            && let Some(report) = Report::decode(&line[mark + 1..], &self.nonce)
        {
            self.report = Some(report);
            reported = true;
            line = &line[..mark];
        }
        if reported && line.is_empty() {
            return;
        }
        let mut parts = line.chunks(MAX_LINE);
        let mut push = |part: &[u8]| {
            let part = part.strip_suffix(b"\r").unwrap_or(part);
            done.push(OutputLine { stream, at, text: String::from_utf8_lossy(part).into_owned() });
        };
        match parts.next() {
            None => push(b""),
            Some(first) => {
                push(first);
                parts.for_each(push);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[OutputLine]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let text = "one\n\ntwo with words\nthree";
        for cut in 0..text.len() {
            let mut lines = Lines::new("n".into());
            let mut got = lines.feed(OutputStream::Stdout, Utc::now(), &text.as_bytes()[..cut]);
            got.extend(lines.feed(OutputStream::Stdout, Utc::now(), &text.as_bytes()[cut..]));
            got.extend(lines.finish(Utc::now()));
            assert_eq!(texts(&got), ["one", "", "two with words", "three"]);
        }
    }

    #[test]
    fn a_report_is_found_after_an_unfinished_line_of_any_length() {
        for length in [0, 5, MAX_LINE - 3, MAX_LINE, MAX_LINE + 100, 3 * MAX_LINE + 7] {
            let report = Report { code: 137, oom: true, expired: false, told: false };
            let mut bytes = vec![b'x'; length];
            bytes.extend(report.encode("secret"));
            let mut lines = Lines::new("secret".into());
            let mut got = Vec::new();
            for piece in bytes.chunks(1000) {
                got.extend(lines.feed(OutputStream::Stderr, Utc::now(), piece));
            }
            got.extend(lines.finish(Utc::now()));
            assert_eq!(lines.report, Some(report), "{length}");
            assert_eq!(texts(&got).concat().len(), length);
            assert!(got.iter().all(|line| line.text.len() <= MAX_LINE));
        }
    }

    #[test]
    fn a_step_cannot_forge_a_report() {
        let mut lines = Lines::new("secret".into());
        let got = lines.feed(OutputStream::Stderr, Utc::now(), b"\x1eguess 0 0\n");
        assert_eq!(lines.report, None);
        assert_eq!(got.len(), 1);
    }
}
