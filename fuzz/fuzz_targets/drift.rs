//! Pods and records as a cluster may have them: nothing panics, nothing is asked for twice, and what they say is text in a page.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use trust_core::{Digest, UnixTime};
use trust_policy::{Inventory, InventorySettings, Page, RecordChange, WorkloadEvent, WorkloadRecord};

fuzz_target!(|data: &[u8]| {
    let now = UnixTime::from_seconds(1_795_000_000);
    let mut inventory =
        Inventory::new("c", InventorySettings::default(), Digest::sha256(b"p"), Digest::sha256(b"t"));
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(record) = serde_json::from_slice::<WorkloadRecord>(line) {
            inventory.restore(record);
        } else if let Ok(pod) = serde_json::from_slice::<Value>(line) {
            let _ = inventory.apply(WorkloadEvent::Seen(&pod), now);
        }
    }
    let _ = inventory.apply(WorkloadEvent::ListEnds, now);
    let first = inventory.settle(now);
    for task in &first.tasks {
        if let trust_policy::Task::Judge { key, .. } = task {
            let _ = inventory.request(key);
        }
    }
    let second = inventory.settle(now);
    assert!(second.tasks.is_empty() && second.records.is_empty() && second.events.is_empty(), "{second:?}");
    let records = first.records.iter().filter_map(|change| match change {
        RecordChange::Put(record) => Some(record),
        _ => None,
    });
    let records: Vec<_> = records.collect();
    for record in &records {
        let text = serde_json::to_string(record).unwrap();
        assert_eq!(
            serde_json::to_string(&serde_json::from_str::<WorkloadRecord>(&text).unwrap()).unwrap(),
            text
        );
        let _ = record.to_report(trust_policy::ReportKind::PolicyReport);
    }
    let page = Page::of_records(records, now).to_string();
    assert_eq!(page.matches("<script").count(), 1);
});
