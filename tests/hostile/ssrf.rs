//! Requests that somebody else names the target of: they reach public addresses, or those that are allowed, and no others.

use std::{
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use shared::outgoing::{Answer, Client, HeaderMap, Method, OutgoingError, Policy, Resolve};
use tests::{
    alone::Alone,
    receiver::{Receiver, status},
};

/// What a request is given, as webhooks are.
const LIMIT: Duration = Duration::from_secs(2);
/// Bytes of an answer that are read.
const KEPT: usize = 1024;

fn client(allow: &[&str]) -> Client {
    let allow: Vec<_> = allow.iter().map(|network| network.parse().unwrap()).collect();
    Client::new(Policy::public_and(&allow, true, "webhooks.allow"), None, LIMIT, KEPT).unwrap()
}

async fn get(client: &Client, url: &str) -> Result<Answer, OutgoingError> {
    client.send(Method::GET, &url.parse().unwrap(), HeaderMap::new(), Default::default()).await
}

/// The message with which a URL is refused before anything is connected to.
async fn refusal(url: &str) -> String {
    match get(&client(&[]), url).await {
        Err(error @ (OutgoingError::Private { .. } | OutgoingError::Url(_))) => error.to_string(),
        other => panic!("{url}: {other:?}"),
    }
}

fn private(host: &str, address: &str) -> String {
    format!("{host} has the address {address}, which is not public; webhooks.allow can allow the network that it is in")
}

/// Answers each question with the next list, and the last one from then on.
struct Fickle {
    answers: Vec<Vec<IpAddr>>,
    asked: Arc<AtomicUsize>,
}

impl Resolve for Fickle {
    fn resolve(&self, _: &str) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let answer = self.answers[asked].clone();
        Box::pin(async move { Ok(answer) })
    }
}

fn fickle(answers: &[&[&str]]) -> (Arc<Fickle>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let answers = answers.iter().map(|list| list.iter().map(|address| address.parse().unwrap()).collect()).collect();
    (Arc::new(Fickle { answers, asked: asked.clone() }), asked)
}

#[tokio::test]
async fn a_decimal_number_that_is_an_address_of_this_machine_is_refused() {
    assert_eq!(refusal("http://2130706433/").await, private("127.0.0.1", "127.0.0.1"));
}

#[tokio::test]
async fn octal_hexadecimal_and_shortened_addresses_of_this_machine_are_refused() {
    for url in
        ["http://0177.0.0.1/", "http://0x7f.0.0.1/", "http://0x7f000001/", "http://127.1/", "http://017700000001/"]
    {
        assert_eq!(refusal(url).await, private("127.0.0.1", "127.0.0.1"), "{url}");
    }
}

#[tokio::test]
async fn an_ipv4_address_inside_an_ipv6_one_is_refused() {
    for (url, address) in [
        ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
        ("http://[::ffff:a9fe:a9fe]/", "::ffff:169.254.169.254"),
        ("http://[64:ff9b::7f00:1]/", "64:ff9b::7f00:1"),
        ("http://[2002:7f00:1::]/", "2002:7f00:1::"),
        ("http://[::127.0.0.1]/", "::7f00:1"),
    ] {
        assert_eq!(refusal(url).await, private(address, address), "{url}");
    }
}

#[tokio::test]
async fn addresses_at_which_clouds_keep_credentials_are_refused() {
    for address in ["169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16"] {
        assert_eq!(refusal(&format!("http://{address}/latest/meta-data/")).await, private(address, address));
    }
    assert_eq!(refusal("http://[fd00:ec2::254]/").await, private("fd00:ec2::254", "fd00:ec2::254"));
}

#[tokio::test]
async fn a_host_in_the_place_of_a_user_name_deceives_nobody() {
    let message = "the URL holds a user name or a password; requests are signed instead";
    for url in ["http://hooks.example.org@127.0.0.1/", "http://hooks.example.org:443@127.0.0.1/", "http://:x@10.0.0.1/"]
    {
        assert_eq!(refusal(url).await, message, "{url}");
    }
    // A backslash ends the host in a URL, whatever other readers make of it.
    assert_eq!(refusal("http://127.0.0.1\\@hooks.example.org/").await, private("127.0.0.1", "127.0.0.1"));
}

#[tokio::test]
async fn a_name_of_this_machine_is_refused() {
    let error = get(&client(&[]), "http://localhost/").await.unwrap_err();
    assert!(matches!(&error, OutgoingError::Private { host, .. } if host == "localhost"), "{error}");
}

#[tokio::test]
async fn a_name_with_one_private_address_among_public_ones_is_refused() {
    let (resolver, _) = fickle(&[&["1.1.1.1", "10.0.0.7"]]);
    let error = get(&client(&[]).with_resolver(resolver), "http://hooks.example.org/").await.unwrap_err();
    assert_eq!(error.to_string(), private("hooks.example.org", "10.0.0.7"));
}

#[tokio::test]
async fn a_name_that_changes_between_check_and_connection_leads_nowhere_else() {
    let allowed = Receiver::on("127.0.0.2:0", |_, _| status(204)).await.unwrap();
    let port = allowed.address.port();
    let forbidden = Receiver::on(&format!("127.0.0.1:{port}"), |_, _| status(200)).await.unwrap();
    let (resolver, asked) = fickle(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let client = client(&["127.0.0.2/32"]).with_resolver(resolver);
    let url = format!("http://hooks.example.org:{port}/");

    // What was checked is what is connected to: the name is not asked for again in between.
    let answer = get(&client, &url).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.address), (204, allowed.address));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // The next request checks what the name has become.
    let error = get(&client, &url).await.unwrap_err();
    assert_eq!(error.to_string(), private("hooks.example.org", "127.0.0.1"));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(forbidden.received().is_empty(), "{:?}", forbidden.received());
    assert_eq!(allowed.received()[0].header("host"), format!("hooks.example.org:{port}"));
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_an_answer_and_is_not_followed() {
    let secret = Receiver::start(|_, _| status(200)).await.unwrap();
    let location = secret.url();
    let redirecting = Receiver::start(move |_, _| {
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
    });
    let redirecting = redirecting.await.unwrap();
    let answer = get(&client(&["127.0.0.1/32"]), &redirecting.url()).await.unwrap();
    assert_eq!(answer.status.as_u16(), 307);
    assert!(secret.received().is_empty());
}

#[tokio::test]
async fn of_an_answer_without_end_only_the_beginning_is_read() {
    let endless = Receiver::start(|_, _| {
        let body = "x".repeat(4 * 1024 * 1024);
        format!("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{body}")
    });
    let endless = endless.await.unwrap();
    let answer = get(&client(&["127.0.0.1/32"]), &endless.url()).await.unwrap();
    assert_eq!((answer.body.len(), answer.cut), (KEPT, true));
}

#[tokio::test]
async fn an_answer_with_headers_without_end_is_no_answer() {
    let headers: String = (0..20_000).map(|number| format!("x-{number}: {}\r\n", "y".repeat(40))).collect();
    let endless = Receiver::start(move |_, _| format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).await.unwrap();
    let error = get(&client(&["127.0.0.1/32"]), &endless.url()).await.unwrap_err();
    assert!(matches!(error, OutgoingError::Http(_)), "{error}");
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_given_up() {
    let silent = Receiver::start(|_, _| String::new()).await.unwrap();
    let error = get(&client(&["127.0.0.1/32"]), &silent.url()).await.unwrap_err();
    assert_eq!(error.to_string(), "no answer within 2 s");
}

#[tokio::test]
async fn a_receiver_that_answers_byte_by_byte_is_given_up_at_the_same_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let dripping = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await?;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::io::Result::Ok(())
    });
    let error = get(&client(&["127.0.0.1/32"]), &format!("http://{address}/")).await.unwrap_err();
    assert_eq!(error.to_string(), "no answer within 2 s");
    dripping.abort();
}

#[tokio::test]
async fn a_webhook_to_a_private_address_in_any_disguise_cannot_be_made() {
    let stack = Alone::start(|_| {}).await.unwrap();
    for (url, detail) in [
        ("https://2130706433/", private("127.0.0.1", "127.0.0.1")),
        ("https://[::ffff:10.0.0.1]/", private("::ffff:10.0.0.1", "::ffff:10.0.0.1")),
        ("https://169.254.169.254/", private("169.254.169.254", "169.254.169.254")),
        ("http://1.1.1.1/", "the URL must begin with https://".to_owned()),
        ("ftp://1.1.1.1/", "the URL begins with ftp://, not with https://".to_owned()),
        ("https://a:b@1.1.1.1/", "the URL holds a user name or a password; requests are signed instead".to_owned()),
    ] {
        let answer = stack.client.post("/api/webhooks", &json!({ "url": url })).await.unwrap();
        assert_eq!(answer.status.as_u16(), 422, "{url}: {}", answer.body);
        assert_eq!(answer.body["type"], "/problems/invalid-webhook");
        assert_eq!(answer.body["errors"][0]["path"], "/url");
        assert_eq!(answer.body["errors"][0]["message"], detail, "{url}");
    }
    let made: i64 =
        sqlx::query_scalar("SELECT count(*) FROM webhook_endpoint").fetch_one(&stack.database.pool).await.unwrap();
    assert_eq!(made, 0);
}
