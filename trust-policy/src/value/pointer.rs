//! JSON pointers ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)).

/// The pointer to a member of what another pointer names.
pub(crate) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_leads_to_what_its_key_names() {
        let value = serde_json::json!({"a": {"b/c~d": 1}});
        let pointer = child(&child("", "a"), "b/c~d");
        assert_eq!(pointer, "/a/b~1c~0d");
        assert_eq!(value.pointer(&pointer), Some(&1.into()));
    }
}
