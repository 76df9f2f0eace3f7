//! [`ClusterEvents`]: events as Kubernetes shows them.

use kube::Client;
use trust_gate::Boxed;
use trust_policy::Event;

use crate::api::{ApiServer, Kind, id_of};
use crate::event_sink::{EventSink, SinkError};

/// Events as Kubernetes shows them: `kubectl events --for deployment/web`. The API server keeps them for an hour.
///
/// One that it refuses for good, as in a namespace that is going away, is logged and counts as delivered.
#[derive(Clone, Debug)]
pub struct ClusterEvents {
    server: ApiServer,
}

impl ClusterEvents {
    /// At this API server.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { server: ApiServer(client) }
    }
}

impl EventSink for ClusterEvents {
    fn deliver<'a>(&'a self, event: &'a Event) -> Boxed<'a, Result<(), SinkError>> {
        Box::pin(async {
            let object = event.to_kubernetes_event();
            let id = id_of(&object);
            match Kind::EVENT.within(&self.server, &id.namespace).create(&id.name, &object).await {
                Ok(()) => Ok(()),
                // It was delivered before.
                Err(error) if error.is_conflict() => Ok(()),
                Err(error) if error.is_final() => {
                    tracing::warn!(%error, event = event.id, "an event is refused");
                    Ok(())
                }
                Err(error) => {
                    Err(SinkError { sink: "the API server".to_owned(), problem: error.to_string() })
                }
            }
        })
    }
}
