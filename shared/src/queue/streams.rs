//! The commands of the queue: one Redis Stream a queue, one consumer group for all its workers.

use std::{sync::LazyLock, time::Duration};

use redis::{Cmd, Pipeline, RedisResult, Script, aio::ConnectionLike};

use super::ticket::{Fields, Ticket};

/// Every worker that serves a queue reads as a member of this group, so a ticket goes to one of them.
const GROUP: &str = "workers";

/// Names of the streams under one prefix.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    prefix: String,
}

/// One entry of a stream, read by this consumer and not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) id: String,
    pub(super) fields: Fields,
}

/// Takes at most so many entries in all, stream by stream in the order of the keys. `XREADGROUP` itself counts each
/// stream apart and could hand out more than there are slots.
static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local left, out = tonumber(ARGV[3]), {}
         for _, key in ipairs(KEYS) do
           if left <= 0 then break end
           local reply = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', left, 'STREAMS', key, '>')
           if reply then
             for _, entry in ipairs(reply[1][2]) do
               out[#out + 1] = {key, entry[1], entry[2]}
               left = left - 1
             end
           end
         end
         return out",
    )
});

/// Takes over entries that were read long ago and never acknowledged. One that was trimmed from its stream meanwhile is
/// struck from the books (before Redis 7 it would be pending for ever).
static RECLAIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local left, out = tonumber(ARGV[3]), {}
         for _, key in ipairs(KEYS) do
           local cursor, rounds = '0-0', 0
           while left > 0 and rounds < 100 do
             local reply = redis.call('XAUTOCLAIM', key, ARGV[1], ARGV[2], ARGV[4], cursor, 'COUNT', left, 'JUSTID')
             for _, id in ipairs(reply[2]) do
               local entry = redis.call('XRANGE', key, id, id)[1]
               if entry then
                 out[#out + 1] = {key, id, entry[2]}
                 left = left - 1
               else
                 redis.call('XACK', key, ARGV[1], id)
               end
             end
             cursor, rounds = reply[1], rounds + 1
             if cursor == '0-0' then break end
           end
         end
         return out",
    )
});

/// Removes this consumer where it holds nothing: with it Redis would forget the entries it holds.
static RETIRE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for _, key in ipairs(KEYS) do
           local held = redis.pcall('XPENDING', key, ARGV[1], '-', '+', 1, ARGV[2])
           if not held.err and #held == 0 then redis.pcall('XGROUP', 'DELCONSUMER', key, ARGV[1], ARGV[2]) end
         end",
    )
});

/// Removes consumers that hold nothing and have not been heard of for long: workers that died. A live one that is only
/// quiet is made again by its next read.
static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local gone = 0
         for _, key in ipairs(KEYS) do
           local consumers = redis.pcall('XINFO', 'CONSUMERS', key, ARGV[1])
           if not consumers.err then
             for _, consumer in ipairs(consumers) do
               local is = {}
               for i = 1, #consumer, 2 do is[consumer[i]] = consumer[i + 1] end
               if is.name ~= ARGV[2] and is.pending == 0 and is.idle > tonumber(ARGV[3]) then
                 redis.call('XGROUP', 'DELCONSUMER', key, ARGV[1], is.name)
                 gone = gone + 1
               end
             end
           end
         end
         return gone",
    )
});

impl Streams {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The stream of a queue.
    pub(super) fn key(&self, queue: &str) -> String {
        format!("{}:queue:{queue}", self.prefix)
    }
}

/// Makes the groups that are missing. At `0`: made at `$`, a group would hide what was added while it was gone.
pub(super) async fn make_groups(connection: &mut impl ConnectionLike, keys: &[String]) -> RedisResult<()> {
    for key in keys {
        let mut create = redis::cmd("XGROUP");
        create.arg("CREATE").arg(key).arg(GROUP).arg("0").arg("MKSTREAM");
        match create.query_async::<()>(connection).await {
            Err(error) if error.code() == Some("BUSYGROUP") => {}
            other => other?,
        }
    }
    Ok(())
}

/// A read that waits up to `block` for an entry in any of `keys`, and takes at most `count` of each.
pub(super) fn read_blocking(keys: &[String], consumer: &str, count: usize, block: Duration) -> Cmd {
    let mut read = redis::cmd("XREADGROUP");
    read.arg("GROUP").arg(GROUP).arg(consumer).arg("COUNT").arg(count);
    read.arg("BLOCK").arg(u64::try_from(block.as_millis()).unwrap_or(u64::MAX));
    read.arg("STREAMS").arg(keys);
    for _ in keys {
        read.arg(">");
    }
    read
}

/// What [`read_blocking`] answers; nothing when the wait was over or called off.
pub(super) type ReadReply = Option<Vec<(String, Vec<(String, Fields)>)>>;

/// The entries of a reply, in the order of the streams.
pub(super) fn entries(reply: ReadReply) -> Vec<Entry> {
    let streams = reply.unwrap_or_default().into_iter();
    let flat =
        streams.flat_map(|(key, entries)| entries.into_iter().map(move |(id, fields)| (key.clone(), id, fields)));
    flat.map(|(key, id, fields)| Entry { key, id, fields }).collect()
}

/// Takes up to `count` entries that are there now.
pub(super) async fn read_now(
    connection: &mut impl ConnectionLike,
    keys: &[String],
    consumer: &str,
    count: usize,
) -> RedisResult<Vec<Entry>> {
    let mut call = READ.prepare_invoke();
    call.key(keys).arg(GROUP).arg(consumer).arg(count);
    from_script(call.invoke_async(connection).await?)
}

/// Takes over up to `count` entries that some consumer has held for `idle` without acknowledging them.
pub(super) async fn reclaim(
    connection: &mut impl ConnectionLike,
    keys: &[String],
    consumer: &str,
    count: usize,
    idle: Duration,
) -> RedisResult<Vec<Entry>> {
    let mut call = RECLAIM.prepare_invoke();
    call.key(keys).arg(GROUP).arg(consumer).arg(count).arg(u64::try_from(idle.as_millis()).unwrap_or(u64::MAX));
    from_script(call.invoke_async(connection).await?)
}

/// Removes `consumer` from the groups in which it holds nothing.
pub(super) async fn retire(connection: &mut impl ConnectionLike, keys: &[String], consumer: &str) -> RedisResult<()> {
    RETIRE.prepare_invoke().key(keys).arg(GROUP).arg(consumer).invoke_async(connection).await
}

/// Removes other consumers that hold nothing and have been silent for `silent`. Says how many.
pub(super) async fn forget_silent(
    connection: &mut impl ConnectionLike,
    keys: &[String],
    consumer: &str,
    silent: Duration,
) -> RedisResult<u64> {
    let mut call = FORGET.prepare_invoke();
    call.key(keys).arg(GROUP).arg(consumer).arg(u64::try_from(silent.as_millis()).unwrap_or(u64::MAX));
    call.invoke_async(connection).await
}

/// Takes one entry off the books and out of its stream, in one step. Doing it twice is doing it once.
pub(super) fn acknowledge(key: &str, id: &str) -> Pipeline {
    let mut pipeline = redis::pipe();
    pipeline.atomic().cmd("XACK").arg(key).arg(GROUP).arg(id).ignore();
    pipeline.cmd("XDEL").arg(key).arg(id).ignore();
    pipeline
}

/// Puts a ticket that was read and not begun back for others, at once instead of after the reclaim time.
pub(super) fn give_back(key: &str, id: &str, ticket: Ticket) -> Pipeline {
    let mut pipeline = acknowledge(key, id);
    pipeline.cmd("XADD").arg(key).arg("*").arg(&ticket.to_fields()).ignore();
    pipeline
}

fn from_script(reply: Vec<(String, String, Fields)>) -> RedisResult<Vec<Entry>> {
    Ok(reply.into_iter().map(|(key, id, fields)| Entry { key, id, fields }).collect())
}
