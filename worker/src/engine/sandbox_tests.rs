use proptest::prelude::*;
use serde_json::Value;
use shared::domain::{
    ids::{Fence, RunId},
    plan::NetworkMode,
};

use super::*;

fn spec(text: &str, writable_root: bool, memory_mib: u32, cpu_millis: u32, volume: &str) -> ContainerSpec {
    ContainerSpec {
        owner: Ownership {
            instance: text.into(),
            run_id: RunId::new(),
            step: text.into(),
            attempt: 1,
            fence: Fence(3),
            deadline: 0,
        },
        image: text.into(),
        memory_mib,
        cpu_millis,
        writable_root,
        network: NetworkMode::None,
        egress: BTreeMap::from([(text.to_owned(), text.to_owned())]),
        volume: volume.into(),
    }
}

fn parts() -> Parts {
    Parts { image: "slipway-gate:0".into(), volume: "slipway-init-0".into() }
}

/// What may never stand in a configuration, whatever was asked for.
fn assert_confined(body: &ContainerCreateBody) {
    let json = serde_json::to_value(body).unwrap();
    let host = &json["HostConfig"];
    assert_ne!(host["Privileged"], Value::Bool(true));
    for key in [
        "Binds",
        "CapAdd",
        "Devices",
        "DeviceRequests",
        "DeviceCgroupRules",
        "PidMode",
        "UTSMode",
        "UsernsMode",
        "VolumesFrom",
        "Cgroup",
        "CgroupParent",
        "GroupAdd",
        "PortBindings",
        "Runtime",
        "MaskedPaths",
        "ReadonlyPaths",
        "OomKillDisable",
        "VolumeDriver",
    ] {
        assert!(host.get(key).is_none_or(Value::is_null), "{key} is set: {}", host[key]);
    }
    assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]));
    assert_eq!(host["IpcMode"], "private");
    assert_eq!(host["CgroupnsMode"], "private");
    let network = host["NetworkMode"].as_str().unwrap();
    assert!(network != "host" && network != "bridge" && !network.starts_with("container:"), "{network}");
    assert_eq!(json["User"], "65532:65532");
    let options = host["SecurityOpt"].as_array().unwrap();
    assert!(options.contains(&"no-new-privileges".into()));
    assert!(options.iter().any(|option| option.as_str().unwrap().starts_with("seccomp={")));
    assert_eq!(host["Memory"], host["MemorySwap"]);
    assert!(host["Memory"].as_i64().unwrap() > 0);
    assert!(host["NanoCpus"].as_i64().unwrap() > 0);
    assert!(host["PidsLimit"].as_i64().unwrap() > 0);
    for mount in host["Mounts"].as_array().into_iter().flatten() {
        assert_eq!(mount["Type"], "volume");
        assert!(!mount["Source"].as_str().unwrap().contains('/'));
    }
    assert!(json.get("Env").is_none_or(Value::is_null), "the environment shows in inspect");
}

proptest! {
    #[test]
    fn no_step_can_ask_for_more_than_the_restricted_profile(
        text in "\\PC{0,80}", writable in any::<bool>(), memory in any::<u32>(), cpu in any::<u32>(),
        volume in prop_oneof!["[a-z/.:~]{0,30}", Just("/var/run/docker.sock".to_owned()), "[a-z][a-z0-9-]{1,30}"],
        joined in any::<bool>(),
    ) {
        let joined = Joined { network: joined.then(|| "slipway-net".into()), ..Joined::default() };
        if let Ok(body) = step(&spec(&text, writable, memory, cpu, &volume), &parts(), joined) {
            assert_confined(&body);
        }
    }

    #[test]
    fn every_name_is_one_the_engine_admits(text in "\\PC{0,200}") {
        let name = container_name(&spec(&text, false, 64, 100, "v").owner);
        prop_assert!(name.len() <= 128, "{name}");
        prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{name}");
    }

    #[test]
    fn gates_give_every_name_its_own_targets(
        wanted in proptest::collection::btree_map("[a-c]{1,2}", (1_u16..4, "[x-z]"), 0..6)
    ) {
        let egress: BTreeMap<_, _> = wanted.iter().map(|(name, (port, host))| (name.clone(), format!("{host}:{port}"))).collect();
        let gates = plan_gates(&egress).unwrap();
        for (name, target) in &egress {
            let gate = gates.iter().find(|gate| gate.names.contains(name)).unwrap();
            prop_assert!(gate.routes.values().any(|route| route == target));
        }
        for route in gates.iter().flat_map(|gate| gate.routes.values()) {
            prop_assert!(egress.values().any(|target| target == route));
        }
    }
}

#[test]
fn gates_and_holders_are_confined_too() {
    let spec = spec("step", false, 64, 100, "v");
    let joined = Joined { network: Some("slipway-net".into()), ..Joined::default() };
    assert_confined(&gate(&spec, &parts(), vec!["60".into()], joined));
    assert_confined(&holder(&parts(), "v", HashMap::new()));
}

#[test]
fn steps_that_differ_only_in_odd_characters_get_names_that_differ() {
    let name = |step: &str| container_name(&spec(step, false, 64, 100, "v").owner).split_off(60);
    assert_ne!(name("a b"), name("a/b"));
    assert_ne!(name(&"x".repeat(90)), name(&"x".repeat(91)));
}

#[test]
fn an_egress_target_without_a_port_is_refused() {
    let egress = BTreeMap::from([("db".to_owned(), "db.example".to_owned())]);
    assert!(matches!(plan_gates(&egress), Err(EngineError::Refused(_))));
}
