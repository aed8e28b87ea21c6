//! Cursors that Slipway did not give out. Proptest keeps what fails under `api/proptest-regressions/`.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_cursor_leads_where_its_page_ended_or_is_refused(text in "[A-Za-z0-9_=+/é -]{0,48}") {
        let paging = Paging { cursor: Some(text.clone()), limit: None };
        if let Ok(Some(id)) = paging.before() {
            prop_assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(id.as_bytes()), text.clone());
        }
        if let Ok(Some(name)) = paging.after() {
            prop_assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(name), text);
        }
    }

    #[test]
    fn a_page_goes_on_after_its_last_item(names in prop::collection::vec(".{0,20}", 2..20), ids in any::<[u128; 3]>()) {
        let first = Paging { cursor: None, limit: Some(1) };
        let by_name = first.page_by_name(names.clone(), |name| name, |name| name).unwrap();
        let next = Paging { cursor: by_name.next_cursor, limit: Some(1) };
        prop_assert_eq!(next.after().unwrap(), names.first().cloned());
        let ids = ids.map(Uuid::from_u128).to_vec();
        let by_id = first.page(ids.clone(), |id| *id, |id| id).unwrap();
        let next = Paging { cursor: by_id.next_cursor, limit: Some(1) };
        prop_assert_eq!(next.before().unwrap(), ids.first().copied());
    }
}
