//! Who may ask: SCRAM-SHA-256, as PostgreSQL has it. No password crosses the wire. Where there is TLS, it is a must.

use async_trait::async_trait;
use futures::Sink;
use pgwire::api::ClientInfo;
use pgwire::api::auth::sasl::SASLAuthStartupHandler;
use pgwire::api::auth::sasl::scram::{ScramAuth, gen_salted_password, random_nonce};
use pgwire::api::auth::{
    AuthSource, DefaultServerParameterProvider, LoginInfo, Password, ServerParameterProvider, StartupHandler,
};
use pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

/// Rounds of hashing, as PostgreSQL has by default.
const ITERATIONS: usize = 4096;
/// The version of PostgreSQL whose behaviour clients may count on.
pub(super) const VERSION: &str = "16.6";

/// Somebody who may ask.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All who may ask.
#[derive(Debug)]
pub(super) struct Users(pub(super) Vec<User>);

#[async_trait]
impl AuthSource for Users {
    #[expect(elided_lifetimes_in_paths, reason = "the trait leaves it out, and async_trait counts lifetimes")]
    async fn get_password(&self, login: &LoginInfo) -> PgWireResult<Password> {
        let salt = random_nonce().into_bytes();
        let known = self.0.iter().find(|user| login.user() == Some(&user.name));
        // Who is not known goes through the same, so that nobody learns which names there are.
        let secret = known.map_or_else(random_nonce, |user| user.password.clone());
        let salted = gen_salted_password(&secret, &salt, ITERATIONS);
        Ok(Password::new(Some(salt), salted))
    }
}

/// Where clients come in.
pub(super) struct Door {
    inner: SASLAuthStartupHandler<Parameters>,
    /// Who comes without TLS is sent away, before anything is asked of it.
    wants_tls: bool,
}

impl Door {
    pub(super) fn new(users: Arc<Users>, wants_tls: bool, zone: String) -> Self {
        let mut scram = ScramAuth::new(users);
        scram.set_iterations(ITERATIONS);
        Self {
            inner: SASLAuthStartupHandler::new(Arc::new(Parameters { zone })).with_scram(scram),
            wants_tls,
        }
    }
}

#[async_trait]
impl StartupHandler for Door {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if self.wants_tls && !client.is_secure() {
            let sentence = "this server speaks TLS only: connect with sslmode=require or stricter";
            let info = ErrorInfo::new("FATAL".to_owned(), "28000".to_owned(), sentence.to_owned());
            return Err(PgWireError::UserError(Box::new(info)));
        }
        self.inner.on_startup(client, message).await
    }
}

/// What clients are told when they come.
#[derive(Debug)]
struct Parameters {
    /// Of times, unless the client comes with one.
    zone: String,
}

/// The zone that a client came with, if it is one.
pub(super) fn zone(client: &impl ClientInfo) -> Option<Arc<str>> {
    let named = client.metadata().iter().find(|(name, _)| name.eq_ignore_ascii_case("timezone"));
    named.and_then(|(_, zone)| crate::zone::of(zone).ok())
}

impl ServerParameterProvider for Parameters {
    fn server_parameters<C>(&self, client: &C) -> Option<HashMap<String, String>>
    where
        C: ClientInfo,
    {
        let mut parameters = DefaultServerParameterProvider::default();
        VERSION.clone_into(&mut parameters.server_version);
        parameters.time_zone = zone(client).map_or_else(|| self.zone.clone(), |zone| zone.to_string());
        parameters.is_superuser = false;
        parameters.default_transaction_read_only = true;
        parameters.server_parameters(client)
    }
}
