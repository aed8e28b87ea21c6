//! A stand-in for a Kubernetes API server: what kubectl needs of one to apply, get, wait for and delete ConfigMaps,
//! Secrets, Services, Deployments and Namespaces, in memory, over TLS, for one bearer token.

mod objects;

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
pub(crate) use objects::{KINDS, Key};
use objects::{Kind, Objects, Refusal};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::server::{listener, tls};

/// The name in the server's certificate.
pub(crate) const NAME: &str = "cluster";
/// Who may ask.
pub(crate) const TOKEN: &str = "cluster-token-3f6c";
/// How long controllers take.
const LATER: Duration = Duration::from_millis(300);

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// The server. It ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) port: u16,
    /// The certificate of its authority, in PEM.
    pub(crate) ca: String,
    objects: Arc<Mutex<Objects>>,
    changed: watch::Sender<u64>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let (ca, acceptor) = tls(NAME);
        let (listener, port) = listener().await;
        let cluster = Self { port, ca, objects: Arc::default(), changed: watch::channel(0).0 };
        for name in ["default", "kube-system"] {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            let key = Key { kind: KINDS[0], namespace: String::new(), name: name.to_owned() };
            cluster.objects.lock().unwrap().apply(&key, &namespace, "server", false).unwrap();
        }
        let serving = cluster.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, cluster) = (acceptor.clone(), serving.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |request| {
                        let cluster = cluster.clone();
                        async move { Ok::<_, Infallible>(cluster.answer(request).await) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        cluster
    }

    /// An object, by its plural, namespace and name.
    pub(crate) fn object(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.objects.lock().unwrap().get(&key(plural, namespace, name)).cloned()
    }

    /// Changes an object behind everybody's back.
    pub(crate) fn alter(&self, plural: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        self.objects.lock().unwrap().alter(&key(plural, namespace, name), change);
        self.tell();
    }

    /// Applies an object as another manager.
    pub(crate) fn apply_as(&self, manager: &str, plural: &str, namespace: &str, object: &Value) {
        let key = key(plural, namespace, object["metadata"]["name"].as_str().unwrap());
        self.objects.lock().unwrap().apply(&key, object, manager, true).unwrap();
        self.tell();
    }

    fn tell(&self) {
        let version = self.objects.lock().unwrap().version;
        self.changed.send_replace(version);
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let allowed = request.headers().get("authorization").is_some_and(|given| *given == format!("Bearer {TOKEN}"));
        if !allowed {
            return refuse(&Refusal { code: 401, reason: "Unauthorized", message: "Unauthorized".into() });
        }
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let path: Vec<&str> = parts.uri.path().trim_matches('/').split('/').collect();
        let query = query(parts.uri.query().unwrap_or_default());
        match path.as_slice() {
            ["version"] => give(200, &json!({"major": "1", "minor": "20", "gitVersion": "v1.20.2"})),
            ["api"] => give(200, &json!({"kind": "APIVersions", "versions": ["v1"]})),
            ["apis"] => {
                let version = json!({"groupVersion": "apps/v1", "version": "v1"});
                let group = json!({"name": "apps", "versions": [version], "preferredVersion": version});
                give(200, &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}))
            }
            ["api", "v1"] => give(200, &resources("v1")),
            ["apis", "apps", "v1"] => give(200, &resources("apps/v1")),
            ["api", rest @ ..] | ["apis", "apps", rest @ ..] if rest.first() == Some(&"v1") => {
                let group_version = if path[0] == "api" { "v1" } else { "apps/v1" };
                match self.on_objects(&parts.method, group_version, &rest[1..], &query, &body) {
                    Ok(answer) => answer,
                    Err(refusal) => refuse(&refusal),
                }
            }
            _ => refuse(&Refusal { code: 404, reason: "NotFound", message: "the server has no such page".into() }),
        }
    }

    fn on_objects(
        &self,
        method: &Method,
        group_version: &str,
        path: &[&str],
        query: &HashMap<String, String>,
        body: &[u8],
    ) -> Result<Answer, Refusal> {
        let (namespace, path) = match path {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            path => ("", path),
        };
        let plural = path.first().copied().unwrap_or_default();
        let kind = KINDS.into_iter().find(|kind| kind.group_version == group_version && kind.plural == plural);
        let kind = kind.ok_or_else(|| Refusal::not_found("resource", plural))?;
        let Some(name) = path.get(1) else {
            return Ok(self.on_all(kind, namespace, query));
        };
        let key = Key { kind, namespace: namespace.to_owned(), name: (*name).to_owned() };
        let mut objects = self.objects.lock().unwrap();
        match *method {
            Method::GET => {
                let object = objects.get(&key).ok_or_else(|| Refusal::not_found(plural, name))?;
                Ok(give(200, object))
            }
            Method::PATCH => {
                let wanted: Value = serde_yaml::from_slice(body).map_err(|error| Refusal {
                    code: 400,
                    reason: "BadRequest",
                    message: error.to_string(),
                })?;
                let manager = query.get("fieldManager").map_or("unknown", String::as_str);
                let force = query.get("force").is_some_and(|force| force == "true");
                let is_new = objects.get(&key).is_none();
                let object = objects.apply(&key, &wanted, manager, force)?;
                drop(objects);
                self.tell();
                if kind.kind == "Deployment" {
                    self.make_ready(&key);
                }
                Ok(give(if is_new { 201 } else { 200 }, &object))
            }
            Method::DELETE => {
                // What has parts takes a while to go.
                let at_once = kind.kind != "Deployment";
                let (object, gone) = objects.delete(&key, at_once).ok_or_else(|| Refusal::not_found(plural, name))?;
                drop(objects);
                self.tell();
                if !gone {
                    let cluster = self.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(LATER).await;
                        cluster.objects.lock().unwrap().delete(&key, true);
                        cluster.tell();
                    });
                }
                Ok(give(200, &object))
            }
            _ => Err(Refusal { code: 405, reason: "MethodNotAllowed", message: method.to_string() }),
        }
    }

    /// A list, or what changes in it from now on.
    fn on_all(&self, kind: Kind, namespace: &str, query: &HashMap<String, String>) -> Answer {
        let selected = |field: &str| query.get(field).map(String::as_str).unwrap_or_default().to_owned();
        let name = selected("fieldSelector").strip_prefix("metadata.name=").map(str::to_owned);
        let labels: Vec<(String, String)> = selected("labelSelector")
            .split(',')
            .filter_map(|one| one.split_once('='))
            .map(|(label, value)| (label.to_owned(), value.trim_start_matches('=').to_owned()))
            .collect();
        if query.get("watch").is_some_and(|watch| watch == "true" || watch == "1") {
            let since = query.get("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);
            return self.watch(kind, namespace.to_owned(), name, since);
        }
        let objects = self.objects.lock().unwrap();
        let items = objects.list(kind, namespace, name.as_deref(), &labels);
        give(
            200,
            &json!({
                "apiVersion": kind.group_version, "kind": format!("{}List", kind.kind),
                "metadata": {"resourceVersion": objects.version.to_string()}, "items": items,
            }),
        )
    }

    fn watch(&self, kind: Kind, namespace: String, name: Option<String>, since: u64) -> Answer {
        let (objects, changed) = (Arc::clone(&self.objects), self.changed.subscribe());
        let stream = futures::stream::unfold((objects, changed, since), move |(objects, mut changed, seen)| {
            let (namespace, name) = (namespace.clone(), name.clone());
            async move {
                loop {
                    changed.borrow_and_update();
                    let next = {
                        let objects = objects.lock().unwrap();
                        let of_interest = |key: &Key| {
                            key.kind == kind
                                && (namespace.is_empty() || key.namespace == namespace)
                                && name.as_ref().is_none_or(|name| key.name == *name)
                        };
                        objects.changes.iter().find(|one| one.version > seen && of_interest(&one.key)).cloned()
                    };
                    if let Some(change) = next {
                        let line = format!("{}\n", json!({"type": change.what, "object": change.object}));
                        let frame = Ok::<_, Infallible>(Frame::data(Bytes::from(line)));
                        return Some((frame, (objects, changed, change.version)));
                    }
                    changed.changed().await.ok()?;
                }
            }
        });
        let body = UnsyncBoxBody::new(StreamBody::new(stream));
        Response::builder().header("content-type", "application/json").body(body).unwrap()
    }

    /// What a deployment's controller does, after a while.
    fn make_ready(&self, key: &Key) {
        let (cluster, key) = (self.clone(), key.clone());
        tokio::spawn(async move {
            tokio::time::sleep(LATER).await;
            let mut objects = cluster.objects.lock().unwrap();
            if objects.get(&key).is_some() {
                objects.alter(&key, |object| {
                    let replicas = object["spec"]["replicas"].as_u64().unwrap_or(1);
                    object["status"] = json!({
                        "observedGeneration": object["metadata"]["generation"], "replicas": replicas,
                        "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
                        "conditions": [{"type": "Available", "status": "True"}],
                    });
                });
            }
            drop(objects);
            cluster.tell();
        });
    }
}

fn key(plural: &str, namespace: &str, name: &str) -> Key {
    let kind = KINDS.into_iter().find(|kind| kind.plural == plural).unwrap();
    Key { kind, namespace: namespace.to_owned(), name: name.to_owned() }
}

fn resources(group_version: &str) -> Value {
    let of_group = KINDS.into_iter().filter(|kind| kind.group_version == group_version);
    let resources: Vec<Value> = of_group
        .map(|kind| {
            json!({
                "name": kind.plural, "singularName": kind.kind.to_lowercase(), "namespaced": kind.namespaced, "kind": kind.kind,
                "shortNames": [kind.short], "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            })
        })
        .collect();
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})
}

fn query(text: &str) -> HashMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.replace("%3D", "=").replace("%2C", ",").replace("%2F", "/")))
        .collect()
}

fn give(code: u16, value: &Value) -> Answer {
    let body = UnsyncBoxBody::new(Full::new(Bytes::from(value.to_string())));
    Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
}

fn refuse(refusal: &Refusal) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": refusal.message,
        "reason": refusal.reason, "code": refusal.code,
    });
    give(refusal.code, &status)
}
