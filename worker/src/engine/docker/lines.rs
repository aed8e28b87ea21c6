//! Cuts the bytes of a container's two streams into lines, takes the init's report out of them, and leaves out the middle of
//! what is too much.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use super::protocol::{REPORT_MARK, Report};
use crate::engine::{OutputLine, OutputStream};

/// Longer lines are cut.
const MAX_LINE: usize = 16 * 1024;
/// A report line is shorter than this.
const MAX_REPORT: usize = 128;
/// What keeping a line costs beyond its text, in bytes: a million empty ones are not nothing.
const LINE_COST: u64 = 64;
/// Bytes of the end that are kept when there is too much.
const TAIL: usize = 64 * 1024;

/// What is left over of each stream between two pieces.
#[derive(Debug)]
pub(super) struct Lines {
    nonce: String,
    /// Bytes that may still be passed on as they come.
    room: u64,
    max: u64,
    out: Vec<u8>,
    err: Vec<u8>,
    excess: Option<Excess>,
    /// What the init said last, once it has.
    pub(super) report: Option<Report>,
}

/// What came when there was no room any more: counted, and its end kept.
#[derive(Debug, Default)]
struct Excess {
    tail: VecDeque<Piece>,
    tail_bytes: usize,
    left_out_bytes: u64,
    left_out_lines: u64,
    /// All lines that came.
    lines: u64,
    /// The end of standard error, where half a report may be.
    carry: Vec<u8>,
}

#[derive(Debug)]
struct Piece {
    stream: OutputStream,
    at: DateTime<Utc>,
    bytes: Vec<u8>,
    lines: u64,
}

impl Lines {
    /// Passes on `max` bytes as they come.
    pub(super) fn new(nonce: String, max: u64) -> Self {
        Self { nonce, room: max, max, out: Vec::new(), err: Vec::new(), excess: None, report: None }
    }

    /// How many lines came since what comes is only counted; `None` before.
    pub(super) fn in_excess(&self) -> Option<u64> {
        self.excess.as_ref().map(|excess| excess.lines)
    }

    /// Adds a piece and gives the lines that it completes.
    pub(super) fn feed(&mut self, stream: OutputStream, at: DateTime<Utc>, piece: &[u8]) -> Vec<OutputLine> {
        if let Some(mut excess) = self.excess.take() {
            if stream == OutputStream::Stderr
                && let Some(report) = excess.report(piece, &self.nonce)
            {
                self.report = Some(report);
            }
            excess.keep(stream, at, piece);
            self.excess = Some(excess);
            return Vec::new();
        }
        let mut done = self.cut(stream, at, piece);
        self.room = self.room.saturating_sub(piece.len() as u64 + LINE_COST * done.len() as u64);
        if self.room == 0 {
            self.excess = Some(Excess::default());
            let text = format!(
                "an attempt may write {} bytes: from here on its end alone is kept, and shown when it is over",
                self.max
            );
            done.push(OutputLine { stream: OutputStream::Gap, at, text });
        }
        done
    }

    fn cut(&mut self, stream: OutputStream, at: DateTime<Utc>, piece: &[u8]) -> Vec<OutputLine> {
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

    /// The end of what was too much, and what came without a newline at the end.
    pub(super) fn finish(&mut self, at: DateTime<Utc>) -> Vec<OutputLine> {
        let mut done = Vec::new();
        if let Some(excess) = self.excess.take() {
            if excess.left_out_bytes > 0 {
                done.extend(self.rest(at));
                let Excess { left_out_lines: lines, left_out_bytes: bytes, .. } = excess;
                let text = format!("{lines} lines ({bytes} bytes) were not kept here");
                done.push(OutputLine { stream: OutputStream::Gap, at, text });
            }
            for Piece { stream, at, bytes, .. } in excess.tail {
                done.extend(self.cut(stream, at, &bytes));
            }
        }
        done.extend(self.rest(at));
        done
    }

    fn rest(&mut self, at: DateTime<Utc>) -> Vec<OutputLine> {
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

impl Excess {
    fn keep(&mut self, stream: OutputStream, at: DateTime<Utc>, piece: &[u8]) {
        // Of a piece longer than the tail, only its own end can stay.
        let (gone, kept) = piece.split_at(piece.len().saturating_sub(TAIL));
        let count = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let (gone_lines, lines) = (count(gone), count(kept));
        self.lines += gone_lines + lines;
        self.leave_out(gone.len(), gone_lines);
        self.tail.push_back(Piece { stream, at, bytes: kept.to_vec(), lines });
        self.tail_bytes += kept.len();
        while self.tail_bytes > TAIL
            && let Some(oldest) = self.tail.pop_front()
        {
            self.tail_bytes -= oldest.bytes.len();
            self.leave_out(oldest.bytes.len(), oldest.lines);
        }
    }

    fn leave_out(&mut self, bytes: usize, lines: u64) {
        self.left_out_bytes += bytes as u64;
        self.left_out_lines += lines;
    }

    /// Looks for the init's report, which may come in two pieces.
    fn report(&mut self, piece: &[u8], nonce: &str) -> Option<Report> {
        self.carry.extend_from_slice(piece);
        let mut found = None;
        for (at, _) in self.carry.iter().enumerate().filter(|(_, byte)| **byte == REPORT_MARK) {
            let after = &self.carry[at + 1..];
            if after.starts_with(nonce.as_bytes())
                && let Some(length) = after.iter().position(|byte| *byte == b'\n')
            {
                found = Report::decode(&after[..length], nonce).or(found);
            }
        }
        let keep = self.carry.len().saturating_sub(MAX_REPORT);
        self.carry.drain(..keep);
        found
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
            let mut lines = Lines::new("n".into(), u64::MAX);
            let mut got = lines.feed(OutputStream::Stdout, Utc::now(), &text.as_bytes()[..cut]);
            got.extend(lines.feed(OutputStream::Stdout, Utc::now(), &text.as_bytes()[cut..]));
            got.extend(lines.finish(Utc::now()));
            assert_eq!(texts(&got), ["one", "", "two with words", "three"]);
        }
    }

    #[test]
    fn a_report_is_found_after_an_unfinished_line_of_any_length() {
        for length in [0, 5, MAX_LINE - 3, MAX_LINE, MAX_LINE + 100, 3 * MAX_LINE + 7] {
            let report = Report { code: 137, oom: true, expired: false, told: false, full: false };
            let mut bytes = vec![b'x'; length];
            bytes.extend(report.encode("secret"));
            let mut lines = Lines::new("secret".into(), u64::MAX);
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
        let mut lines = Lines::new("secret".into(), u64::MAX);
        let got = lines.feed(OutputStream::Stderr, Utc::now(), b"\x1eguess 0 0\n");
        assert_eq!(lines.report, None);
        assert_eq!(got.len(), 1);
    }

    #[test]
    fn of_too_much_the_beginning_and_the_end_are_passed_on_and_the_middle_is_counted() {
        let text: String = (0..100_000).map(|number| format!("line {number}\n")).collect();
        for piece in [100, 4096, 70_000, text.len()] {
            let mut lines = Lines::new("secret".into(), 1_000);
            let mut got = Vec::new();
            for part in text.as_bytes().chunks(piece) {
                got.extend(lines.feed(OutputStream::Stdout, Utc::now(), part));
            }
            got.extend(lines.finish(Utc::now()));
            assert_eq!(got[0].text, "line 0");
            let last = got.iter().rfind(|line| line.stream == OutputStream::Stdout);
            assert_eq!(last.unwrap().text, "line 99999");
            let gaps: Vec<&str> =
                got.iter().filter(|line| line.stream == OutputStream::Gap).map(|line| line.text.as_str()).collect();
            assert!(gaps[0].starts_with("an attempt may write 1000 bytes"), "{gaps:?}");
            if piece < text.len() {
                let missing: usize = gaps[1].split(' ').next().unwrap().parse().unwrap();
                // The first line after the gap may have lost its beginning to it.
                let all = got.len() - gaps.len() + missing;
                assert!((100_000..=100_001).contains(&all), "{piece}: {all} {gaps:?}");
            }
            assert!(
                got.iter().map(|line| line.text.len()).sum::<usize>()
                    < piece + TAIL + 2_000 + text.len() * usize::from(piece == text.len())
            );
        }
    }

    #[test]
    fn a_report_is_found_when_nothing_else_is_passed_on_any_more() {
        let report = Report { code: 3, oom: false, expired: false, told: false, full: false };
        for split in 0..=report.encode("secret").len() {
            let mut lines = Lines::new("secret".into(), 10);
            lines.feed(OutputStream::Stderr, Utc::now(), &[b'x'; 100]);
            assert_eq!(lines.in_excess(), Some(0));
            lines.feed(OutputStream::Stderr, Utc::now(), &vec![REPORT_MARK; 200_000]);
            let bytes = report.encode("secret");
            lines.feed(OutputStream::Stderr, Utc::now(), &bytes[..split]);
            lines.feed(OutputStream::Stderr, Utc::now(), &bytes[split..]);
            assert_eq!(lines.report, Some(report), "{split}");
            assert!(lines.finish(Utc::now()).iter().all(|line| !line.text.contains("secret")));
        }
    }
}
