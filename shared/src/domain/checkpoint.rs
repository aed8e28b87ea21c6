//! Which checkpoints of a run's workspace are kept.

/// Checkpoints that are kept before the newest, at most.
const OLDER: usize = 32;
/// Bytes that those may have together.
const OLDER_BYTES: u64 = 1024 * 1024 * 1024;

/// How many of a run's checkpoints are kept, the newest first: that one always, and those before it as far as there is room.
/// Decides the same for who removes them and for who asks what is there; one more never brings an older one back.
#[must_use]
pub fn kept(bytes_newest_first: impl IntoIterator<Item = u64>) -> usize {
    let mut older_bytes = 0u64;
    let fits = |(at, bytes): &(usize, u64)| {
        if *at > 0 {
            older_bytes = older_bytes.saturating_add(*bytes);
        }
        *at <= OLDER && older_bytes <= OLDER_BYTES
    };
    bytes_newest_first.into_iter().enumerate().take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_kept_whatever_its_size_and_older_ones_while_there_is_room() {
        assert_eq!(kept([]), 0);
        assert_eq!(kept([u64::MAX, 1, OLDER_BYTES - 1, 1]), 3);
        assert_eq!(kept([1, OLDER_BYTES + 1, 1]), 1);
        assert_eq!(kept(vec![1; 1000]), OLDER + 1);
    }
}
