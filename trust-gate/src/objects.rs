//! [`ObjectStore`]: where the cluster objects are looked up that policies refer to; and [`Objects`]: some of them, at hand.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trust_policy::{ObjectName, Resource};

use crate::deadline::{Boxed, Deadline};
use crate::store::StoreError;

/// Where ConfigMaps and Secrets are looked up.
pub trait ObjectStore: core::fmt::Debug + Send + Sync {
    /// The object as Kubernetes has it; `None` if there is none.
    ///
    /// # Errors
    /// If that cannot be known, or not by the deadline.
    fn object<'a>(
        &'a self,
        name: &'a ObjectName,
        until: Deadline,
    ) -> Boxed<'a, Result<Option<Value>, StoreError>>;
}

/// Objects at hand, from files or a cache. That one is not among them does not mean that the cluster has none: what refers
/// to it is unknown, which denies.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    by_name: BTreeMap<String, Value>,
}

impl FromIterator<Resource> for Objects {
    fn from_iter<T: IntoIterator<Item = Resource>>(resources: T) -> Self {
        let named = |resource: Resource| {
            let id = resource.id();
            (format!("{}/{}/{}", id.kind, id.namespace, id.name), resource.object().clone())
        };
        Self { by_name: resources.into_iter().map(named).collect() }
    }
}

impl ObjectStore for Objects {
    fn object<'a>(
        &'a self,
        name: &'a ObjectName,
        _: Deadline,
    ) -> Boxed<'a, Result<Option<Value>, StoreError>> {
        let unknown = || StoreError::Unavailable {
            what: name.to_string(),
            problem: "it is not among the objects that were given".to_owned(),
        };
        let object = self.by_name.get(&name.to_string()).cloned().ok_or_else(unknown);
        Box::pin(async { object.map(Some) })
    }
}

/// What is kept of an object: of a Secret only the public key, for evidence is archived and shown.
pub(crate) fn public_part(name: &ObjectName, object: Value) -> Value {
    if name.kind != "Secret" {
        return object;
    }
    let keys: BTreeMap<&str, &Value> =
        object.pointer("/data/cosign.pub").into_iter().map(|key| ("cosign.pub", key)).collect();
    json!({ "data": keys })
}
