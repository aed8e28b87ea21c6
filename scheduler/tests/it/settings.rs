//! The real program, with settings that cannot be.

use std::process::Command;

#[test]
fn a_scheduler_does_not_start_with_settings_that_cannot_be_and_names_each() {
    let output = Command::new(env!("CARGO_BIN_EXE_slipway-scheduler"))
        .env_clear()
        .env("SLIPWAY__SCHEDULER__PERIOD_MS", "0")
        .env("SLIPWAY__PROVIDERS__DB__DRIFT_CHECK", "61 * * * *")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("2 setting(s) cannot be used"), "{told}");
    assert!(
        told.contains("scheduler.period_ms: 0") && told.contains("providers.db.drift_check: '61 * * * *'"),
        "{told}"
    );
}
