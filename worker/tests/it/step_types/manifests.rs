//! What all manifests have in common.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::step_types::{folder, manifest};

fn kinds() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap();
    let mut kinds: Vec<String> =
        files.map(|file| file.unwrap().file_name().to_string_lossy().trim_end_matches(".yaml").to_owned()).collect();
    kinds.sort();
    kinds
}

#[test]
fn every_key_says_what_it_is_for() {
    for kind in kinds() {
        let manifest = manifest(&kind);
        assert!(manifest.description.is_some(), "{kind}");
        let properties = manifest.step_type.config_schema["properties"].as_object().cloned().unwrap_or_default();
        for (key, schema) in properties {
            assert!(schema["description"].is_string(), "{kind}: config.{key} has no description");
        }
        for named in manifest.operations.iter().chain(&manifest.outputs) {
            assert!(named.description.is_some(), "{kind}: {} has no description", named.name);
        }
    }
}

#[test]
fn the_guide_names_every_key_operation_and_output() {
    let guide = folder().join("../../../docs/guides/step-types.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let chapters: Vec<(&str, &str)> = guide.split("\n## ").skip(1).filter_map(|part| part.split_once('\n')).collect();
    for kind in kinds() {
        let manifest = manifest(&kind);
        let chapter = chapters.iter().find(|(title, _)| *title == kind);
        let Some((_, text)) = chapter else { panic!("the guide has no chapter '## {kind}'") };
        let words: BTreeSet<&str> = text.split('`').skip(1).step_by(2).collect();
        let properties = manifest.step_type.config_schema["properties"].as_object().cloned().unwrap_or_default();
        let operations = manifest.operations.iter().chain(&manifest.outputs).map(|named| named.name.clone());
        for name in properties.keys().cloned().chain(operations) {
            let told = words.iter().any(|word| word.split([' ', ':']).next() == Some(&name));
            assert!(told, "the guide's chapter on {kind} does not say `{name}`");
        }
        let image = manifest.step_type.image;
        assert!(image.contains("{{") || text.contains(&image), "the guide's chapter on {kind} does not name {image}");
    }
}

#[test]
fn every_type_asks_for_no_more_than_it_needs() {
    for kind in kinds() {
        let step_type = manifest(&kind).step_type;
        assert!(!step_type.privileges.writable_root, "{kind}");
        assert!(step_type.privileges.memory_mib <= 1024, "{kind}");
        let image = step_type.image;
        assert!(image.starts_with("slipway/") || image == "{{ .config.image }}" || image.is_empty(), "{kind}: {image}");
        let closed = step_type.config_schema["additionalProperties"] == Value::Bool(false);
        assert!(closed || kind == "policy", "{kind} takes keys that it does not know");
    }
}
