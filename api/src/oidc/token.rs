//! From a code to verified claims.

use std::{borrow::Cow, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalClaims, AuthType, AuthenticationFlow, AuthorizationCode,
    ClaimsVerificationError, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IdTokenFields, IdTokenVerifier, LogoutRequest, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, StandardErrorResponse, StandardTokenResponse, TokenResponse as _, UserInfoClaims,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
    url::Url,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{config::CALLBACK, store::oidc_login};

use super::{
    claims::{Claims, plain},
    http::HttpError,
    provider::{Found, Provider, ProviderError},
};

/// How ID tokens may be signed: by a key that only the provider has. Nothing that the client's secret, or no key, could make.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The claims that OpenID Connect gives no meaning to.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
struct OtherClaims(Map<String, Value>);

impl AdditionalClaims for OtherClaims {}

type Tokens = StandardTokenResponse<
    IdTokenFields<
        OtherClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

type OidcClient = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why a login came to nothing after the provider had sent the browser back.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    /// The provider cannot be asked.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The settings do not let us ask.
    #[error("{0}")]
    Settings(String),
    /// It did not answer the question.
    #[error("the provider gave no tokens: {0}")]
    NoAnswer(String),
    /// It said no.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// What it answered must not be believed. `reason` is for people, `detail` for the log.
    #[error("{reason}: {detail}")]
    Unbelievable {
        /// In our words.
        reason: &'static str,
        /// In the library's.
        detail: String,
    },
}

impl TokenError {
    fn unbelievable(reason: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Unbelievable { reason, detail: detail.to_string() }
    }
}

impl Provider {
    /// Where a browser goes to prove who is in front of it.
    pub(super) fn authorization_url(&self, found: &Found, state: String, nonce: Nonce, verifier: String) -> Url {
        let id = ClientId::new(self.settings.client_id.clone());
        let redirect = RedirectUrl::from_url(self.redirect_url.clone());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier));
        let client = OidcClient::from_provider_metadata(found.metadata.clone(), id, None);
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let (url, ..) = client
            .authorize_url(flow, || CsrfToken::new(state), || nonce)
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .set_redirect_uri(Cow::Owned(redirect))
            .url();
        url
    }

    /// Where a browser goes to be logged out of the provider; none when it does not offer that or cannot be asked.
    pub(super) async fn logout_url(&self) -> Option<Url> {
        let found = self.found().await.ok()?;
        let end = found.metadata.additional_metadata().end_session_endpoint.clone()?;
        let mut back = self.redirect_url.clone();
        back.set_path(&back.path().replace(CALLBACK, "/login"));
        let request = LogoutRequest::from(end).set_client_id(ClientId::new(self.settings.client_id.clone()));
        Some(request.set_post_logout_redirect_uri(PostLogoutRedirectUrl::from_url(back)).http_get_url())
    }

    /// Exchanges the code of a login for what the provider says about the person.
    pub(super) async fn redeem(&self, code: String, verifier: String, nonce: &Nonce) -> Result<Claims, TokenError> {
        let found = self.found().await?;
        let client = self.client(&found).await?;
        let redirect = RedirectUrl::from_url(self.redirect_url.clone());
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| TokenError::Settings(error.to_string()))?;
        let answer = request
            .set_pkce_verifier(PkceCodeVerifier::new(verifier))
            .set_redirect_uri(Cow::Borrowed(&redirect))
            .request_async(&self.http)
            .await;
        let tokens = answer.map_err(not_exchanged)?;
        let mut claims = match self.verify(&found, &tokens, nonce) {
            // Its keys may have changed since they were fetched.
            Err(Verify::UnknownKey(detail)) => {
                let newer = self.newer_keys(&found).await?;
                if Arc::ptr_eq(&newer, &found) {
                    return Err(Verify::UnknownKey(detail).into());
                }
                self.verify(&newer, &tokens, nonce)?
            }
            other => other?,
        };
        if !claims.are_enough(&self.settings) && found.metadata.userinfo_endpoint().is_some() {
            let more = self.userinfo(&client, tokens.access_token().clone(), &claims.subject).await?;
            for (name, value) in more {
                claims.all.entry(name).or_insert(value);
            }
        }
        Ok(claims)
    }

    async fn client(&self, found: &Found) -> Result<OidcClient, TokenError> {
        let secret = match self.settings.client_secret.clone() {
            None => None,
            // Read each time, so that a new one needs no restart.
            Some(source) => {
                let read = tokio::task::spawn_blocking(move || source.read()).await;
                let read = read.map_err(|error| TokenError::Settings(error.to_string()))?;
                Some(ClientSecret::new(
                    read.map_err(|error| TokenError::Settings(format!("identity.oidc.client_secret: {error}")))?,
                ))
            }
        };
        let public = secret.is_none();
        let id = ClientId::new(self.settings.client_id.clone());
        let client = OidcClient::from_provider_metadata(found.metadata.clone(), id, secret);
        let methods = found.metadata.token_endpoint_auth_methods_supported();
        let basic = methods.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        Ok(client.set_auth_type(if basic && !public { AuthType::BasicAuth } else { AuthType::RequestBody }))
    }

    fn verify(&self, found: &Found, tokens: &Tokens, nonce: &Nonce) -> Result<Claims, Verify> {
        let Some(token) = tokens.id_token() else {
            return Err(
                TokenError::unbelievable("The provider sent no ID token", "is the scope openid allowed?").into()
            );
        };
        let id = ClientId::new(self.settings.client_id.clone());
        let leeway = TimeDelta::seconds(self.settings.leeway_s.into());
        let oldest = leeway + TimeDelta::seconds(oidc_login::SECONDS.into());
        let keys = openidconnect::JsonWebKeySet::new(found.keys.keys().clone());
        let verifier: IdTokenVerifier<'_, CoreJsonWebKey> =
            IdTokenVerifier::new_public_client(id.clone(), found.metadata.issuer().clone(), keys)
                .set_allowed_algs(ALGORITHMS)
                .set_time_fn(move || Utc::now() - leeway)
                .set_issue_time_verifier_fn(move |at: DateTime<Utc>| {
                    let age = Utc::now() - at;
                    let fits = age >= -leeway && age <= oldest;
                    if fits { Ok(()) } else { Err(format!("issued at {at}, which is {} s ago", age.num_seconds())) }
                });
        let claims = token.claims(&verifier, nonce).map_err(not_believed)?;
        let other_party = claims.authorized_party().filter(|party| **party != id);
        if other_party.is_some() || (claims.audiences().len() > 1 && claims.authorized_party().is_none()) {
            let detail = other_party.map_or("several audiences and no azp".into(), |party| format!("azp {}", **party));
            return Err(TokenError::unbelievable(OTHER_APPLICATION, detail).into());
        }
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = token.signing_alg().map_err(|error| TokenError::unbelievable(BAD_SIGNATURE, error))?;
            let key = token.signing_key(&verifier).map_err(|error| TokenError::unbelievable(BAD_SIGNATURE, error))?;
            let hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
            if hash.map_err(|error| TokenError::unbelievable(BAD_SIGNATURE, error))? != *expected {
                return Err(
                    TokenError::unbelievable("The access token is not the one that belongs to it", "at_hash").into()
                );
            }
        }
        Ok(Claims { subject: claims.subject().to_string(), all: as_map(claims)? })
    }

    /// What the ID token did not say, as many providers keep it short.
    async fn userinfo(
        &self,
        client: &OidcClient,
        token: AccessToken,
        subject: &str,
    ) -> Result<Map<String, Value>, TokenError> {
        let subject = openidconnect::SubjectIdentifier::new(subject.to_owned());
        let request =
            client.user_info(token, Some(subject)).map_err(|error| TokenError::Settings(error.to_string()))?;
        let claims: UserInfoClaims<OtherClaims, CoreGenderClaim> = request
            .request_async(&self.http)
            .await
            .map_err(|error| TokenError::unbelievable("What it says about you cannot be used", error))?;
        as_map(&claims)
    }
}

const OTHER_APPLICATION: &str = "The ID token is for another application";
const BAD_SIGNATURE: &str = "The ID token's signature is wrong";

/// Whether newer keys could help.
enum Verify {
    UnknownKey(String),
    Failed(TokenError),
}

impl From<TokenError> for Verify {
    fn from(error: TokenError) -> Self {
        Self::Failed(error)
    }
}

impl From<Verify> for TokenError {
    fn from(outcome: Verify) -> Self {
        match outcome {
            Verify::Failed(error) => error,
            Verify::UnknownKey(detail) => {
                Self::unbelievable("The ID token is signed with a key that the provider does not publish", detail)
            }
        }
    }
}

fn not_believed(error: ClaimsVerificationError) -> Verify {
    use ClaimsVerificationError as Claim;
    use SignatureVerificationError as Signature;
    let reason = match &error {
        Claim::SignatureVerification(Signature::NoMatchingKey) => return Verify::UnknownKey(error.to_string()),
        Claim::SignatureVerification(Signature::NoSignature) => "The ID token is not signed",
        Claim::SignatureVerification(Signature::DisallowedAlg(_) | Signature::UnsupportedAlg(_)) => {
            "The ID token is signed in a way that is not accepted"
        }
        Claim::SignatureVerification(_) => BAD_SIGNATURE,
        Claim::Expired(_) => "The ID token is not of this time: it is over, or too old, or the clocks differ",
        Claim::InvalidAudience(_) => OTHER_APPLICATION,
        Claim::InvalidIssuer(_) => "The ID token is another issuer's",
        Claim::InvalidNonce(_) => "The ID token belongs to another login",
        _ => "The ID token is not valid",
    };
    let detail = match &error {
        Claim::SignatureVerification(deeper) => deeper.to_string(),
        _ => error.to_string(),
    };
    TokenError::unbelievable(reason, detail).into()
}

fn not_exchanged(error: RequestTokenError<HttpError, StandardErrorResponse<CoreErrorResponseType>>) -> TokenError {
    match error {
        RequestTokenError::ServerResponse(refusal) => TokenError::Refused(plain(&refusal.to_string())),
        RequestTokenError::Request(error) => TokenError::NoAnswer(error.to_string()),
        RequestTokenError::Parse(error, _) => {
            TokenError::unbelievable("What the provider sent is no valid ID token", error)
        }
        RequestTokenError::Other(error) => TokenError::NoAnswer(error),
    }
}

fn as_map(claims: &impl Serialize) -> Result<Map<String, Value>, TokenError> {
    match serde_json::to_value(claims) {
        Ok(Value::Object(map)) => Ok(map),
        other => Err(TokenError::unbelievable("What it says about you cannot be used", format!("{other:?}"))),
    }
}
