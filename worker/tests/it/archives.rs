//! Archives that somebody made to lead out of a workspace, or into something else than was looked at. What Slipway unpacks are workspaces
//! that an engine packed: these are what a step, or whoever may write the archive's storage, would slip into one.

use std::{collections::BTreeSet, sync::Arc};

use shared::{
    archive::Archive,
    config,
    domain::ids::{Fence, RunId},
};
use worker::{
    engine::{ContainerSpec, Engine as _, Ownership, Role, scripted::Scripted},
    tree::{Broken, Packed, Sieve},
    workspace::{Place, Workspace, WorkspaceError},
};

/// An archive of one entry, whatever its header says.
fn entry(name: &str, kind: tar::EntryType, link: &str, content: &[u8], size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    let gnu = header.as_gnu_mut().unwrap();
    gnu.name[..name.len()].copy_from_slice(name.as_bytes());
    gnu.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    let mut archive = header.as_bytes().to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
    archive
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    entry(name, tar::EntryType::Regular, "", content, content.len() as u64)
}

/// One record of a pax header.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let length = (rest.len()..).find(|length| length.to_string().len() + rest.len() == *length).unwrap();
    format!("{length}{rest}").into_bytes()
}

fn pax(records: &[u8]) -> Vec<u8> {
    entry("pax", tar::EntryType::XHeader, "", records, records.len() as u64)
}

fn sifted(archive: &[u8]) -> Result<(Vec<u8>, [u8; 32]), Broken> {
    let mut sieve = Sieve::without(&[]);
    let mut kept = sieve.feed(archive)?;
    kept.extend(sieve.feed(&[0; 1024])?);
    let (end, digest, _) = sieve.finish()?;
    kept.extend(end);
    Ok((kept, digest))
}

#[test]
fn an_archive_with_an_entry_that_leads_out_is_not_taken() {
    let long =
        [entry("././@LongLink", tar::EntryType::GNULongName, "", b"../../etc/passwd\0", 17), file("x", b"x")].concat();
    let by_pax = [pax(&record("path", "/etc/passwd")), file("x", b"x")].concat();
    let link_by_pax =
        [pax(&record("linkpath", "../../etc/shadow")), entry("x", tar::EntryType::Link, "x", b"", 0)].concat();
    for (what, archive) in [
        ("a parent", file("../x", b"x")),
        ("a parent in the middle", file("a/../../x", b"x")),
        ("an absolute name", file("/etc/cron.d/x", b"x")),
        ("a parent in a long name", long),
        ("an absolute name in an extension", by_pax),
        ("a hard link to an absolute name", entry("x", tar::EntryType::Link, "/etc/shadow", b"", 0)),
        ("a hard link to a parent", entry("x", tar::EntryType::Link, "../x", b"", 0)),
        ("a hard link to a parent in an extension", link_by_pax),
        ("a character device", entry("x", tar::EntryType::Char, "", b"", 0)),
        ("a block device", entry("x", tar::EntryType::Block, "", b"", 0)),
    ] {
        assert_eq!(sifted(&archive).unwrap_err(), Broken, "{what}");
    }
    // A link that leads out is followed in the step's container alone, so it may be there; it stays a link.
    let (kept, _) = sifted(&entry("x", tar::EntryType::Symlink, "/etc/shadow", b"", 0)).unwrap();
    let mut kept = tar::Archive::new(&kept[..]);
    let only = kept.entries().unwrap().next().unwrap().unwrap();
    assert_eq!((only.header().entry_type(), only.size()), (tar::EntryType::Symlink, 0));
}

#[test]
fn an_archive_whose_sizes_are_lies_is_not_taken() {
    for size in [u64::MAX, u64::MAX - 511, i64::MAX as u64, 1 << 41] {
        assert_eq!(sifted(&entry("x", tar::EntryType::Regular, "", b"", size)).unwrap_err(), Broken, "{size}");
    }
    let bomb = entry("././@LongLink", tar::EntryType::GNULongName, "", b"", 1 << 30);
    assert_eq!(sifted(&bomb).unwrap_err(), Broken, "a name of a gigabyte");
    // One program goes by the header and sees two files, another by the extension and sees one that holds the other.
    let hidden = [pax(&record("size", "1024")), file("x", b""), file("y", b"y")].concat();
    assert_eq!(sifted(&hidden).unwrap_err(), Broken, "two sizes");
}

#[test]
fn what_was_changed_in_an_archive_changes_its_digest() {
    let digest = |archive: &[u8]| sifted(archive).unwrap().1;
    let link = |to: &str| [pax(&record("linkpath", to)), entry("x", tar::EntryType::Symlink, "x", b"", 0)].concat();
    let name = |to: &str| [pax(&record("path", to)), file("x", b"1")].concat();
    assert_ne!(digest(&file("x", b"1")), digest(&file("x", b"2")));
    assert_ne!(digest(&file("x", b"1")), digest(&file("y", b"1")));
    assert_ne!(digest(&link("one")), digest(&link("two")));
    assert_ne!(digest(&name("one")), digest(&name("two")));
    assert_eq!(digest(&link("one")), digest(&link("one")));
}

/// A container whose workspace is the run's.
async fn container(engine: &Scripted, run: RunId, volume: String, attempt: u16) -> String {
    let owner = Ownership {
        instance: "test".into(),
        run_id: run,
        role: Role::Step,
        step: "one".into(),
        attempt,
        fence: Fence(1),
        deadline: 0,
    };
    let spec = ContainerSpec {
        owner,
        image: "busybox".into(),
        memory_mib: 64,
        cpu_millis: 100,
        writable_root: false,
        network: shared::domain::plan::NetworkMode::None,
        egress: [].into(),
        volume: Some(volume),
        tmpfs: [].into(),
    };
    engine.prepare(&spec).await.unwrap()
}

#[tokio::test]
async fn a_checkpoint_that_was_changed_where_it_is_stored_is_not_given_to_a_step() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let archive = Archive::open(&config::Archive { url }).unwrap();
    let (engine, run) = (Arc::new(Scripted::new()), RunId::new());
    let workspace =
        |checkpoint| Workspace::new(engine.clone(), archive.clone(), "test", run, 1 << 20, checkpoint, false);
    let first = workspace(None);
    let volume = first.make_volume(Place::Shared, "one").await.unwrap();
    let name = container(&engine, run, volume, 1).await;
    let mut files = Packed::default();
    files.file("config", b"apply: false").unwrap();
    first.fill(&name, Place::Shared, &BTreeSet::new(), files).await.unwrap();
    let checkpoint = first.save(&name, Place::Shared, "one").await.unwrap().unwrap();
    engine.remove(&name).await.unwrap();

    let stored = archive.get(&checkpoint.key, 1 << 20).await.unwrap();
    let at = stored.windows(5).position(|bytes| bytes == b"false").unwrap();
    let mut changed = stored.to_vec();
    changed[at..at + 5].copy_from_slice(b"true ");
    let leads_out = [file("../config", b"x"), stored.to_vec()].concat();
    let cut = stored[..600].to_vec();
    for (what, bytes) in [("changed", changed), ("leads out", leads_out), ("cut", cut), ("as it was", stored.to_vec())]
    {
        archive.put(&checkpoint.key, bytes.into()).await.unwrap();
        let next = workspace(Some(checkpoint.clone()));
        let volume = next.make_volume(Place::Shared, "two").await.unwrap();
        let name = container(&engine, run, volume, 2).await;
        let filled = next.fill(&name, Place::Shared, &BTreeSet::new(), Packed::default()).await;
        match (what, &filled) {
            ("changed", Err(WorkspaceError::Damaged(key))) if *key == checkpoint.key => {}
            ("leads out" | "cut", Err(WorkspaceError::Broken(Broken))) | ("as it was", Ok(())) => {}
            other => panic!("{other:?}"),
        }
        assert!(filled.is_ok() || !filled.unwrap_err().is_passing(), "{what}: it would be tried for ever");
        engine.remove(&name).await.unwrap();
    }
}
