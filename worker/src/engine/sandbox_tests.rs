use proptest::prelude::*;
use serde_json::Value;
use shared::domain::{
    ids::{Fence, RunId},
    plan::NetworkMode,
};

use super::*;

#[path = "../../init/addresses.rs"]
#[allow(unreachable_pub, reason = "shared with the init")]
mod addresses;

fn spec(text: &str, writable_root: bool, memory_mib: u32, cpu_millis: u32, volume: &str) -> ContainerSpec {
    ContainerSpec {
        owner: Ownership {
            instance: text.into(),
            run_id: RunId::new(),
            role: Role::default(),
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
        volume: Some(volume.into()),
        tmpfs: BTreeMap::new(),
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
    assert_eq!(json["WorkingDir"], "/", "the image's is not used");
    assert_eq!(json["Healthcheck"]["Test"], serde_json::json!(["NONE"]));
    assert_eq!(json["Entrypoint"][0].as_str().unwrap().rsplit('/').next(), Some("init"));
    for label in [label::INSTANCE, label::ROLE] {
        assert!(
            json["Labels"].get(label).is_some() || json["Labels"] == serde_json::json!({}),
            "{label} is the image's"
        );
    }
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
        joined in any::<bool>(), image_volume in "/[a-z/]{1,20}", own in "/[a-z/.:,]{1,20}", service in any::<bool>(),
    ) {
        let joined = Joined { network: joined.then(|| "slipway-net".into()), ..Joined::default() };
        let base = Base { image: text.clone(), volumes: vec![image_volume.clone()], runtime: None };
        let mut spec = spec(&text, writable, memory, cpu, &volume);
        spec.tmpfs.insert(own.clone(), 8);
        if service {
            (spec.owner.role, spec.volume) = (Role::Service, None);
        }
        if let Ok(body) = step(&spec, &parts(), base, joined) {
            assert_confined(&body);
            let tmpfs = body.host_config.unwrap().tmpfs.unwrap();
            prop_assert!(tmpfs[&image_volume].contains("size="), "a volume of the image has no bound");
            prop_assert!(tmpfs[&own].contains("noexec,size=8m") && may_be_volume(&own));
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
fn a_step_runs_under_the_runtime_of_the_instance_and_its_labels_are_all_ours() {
    let base = Base { image: "sha256:0".into(), volumes: Vec::new(), runtime: Some(shared::config::Runtime::Runsc) };
    let body = step(&spec("step", false, 64, 100, "v"), &parts(), base, Joined::default()).unwrap();
    assert_eq!(body.host_config.unwrap().runtime.as_deref(), Some("runsc"));
    let labels = body.labels.unwrap();
    for name in [
        label::INSTANCE,
        label::RUN,
        label::STEP,
        label::ATTEMPT,
        label::FENCE,
        label::DEADLINE,
        label::ROLE,
        label::FOR,
    ] {
        assert!(labels.contains_key(name), "an image could bring {name} along");
    }
}

#[test]
fn an_egress_target_without_a_port_is_refused() {
    let egress = BTreeMap::from([("db".to_owned(), "db.example".to_owned())]);
    assert!(matches!(plan_gates(&egress), Err(EngineError::Refused(_))));
}

#[test]
fn no_name_leads_to_the_metadata_service_the_link_or_the_gate_itself() {
    for address in [
        "169.254.169.254",
        "169.254.0.1",
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "0.1.2.3",
        "255.255.255.255",
        "224.0.0.1",
        "100.100.100.200",
        "::",
        "::1",
        "fe80::1",
        "ff02::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "::ffff:127.0.0.1",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
    ] {
        assert!(!addresses::may_be_named(address.parse().unwrap()), "{address}");
    }
    // Databases are where they are: private networks are the operator's to list.
    for address in ["10.0.0.1", "172.17.0.1", "192.168.1.1", "203.0.113.9", "fd12::1", "2001:db8::1", "100.64.0.1"] {
        assert!(addresses::may_be_named(address.parse().unwrap()), "{address}");
    }
}
