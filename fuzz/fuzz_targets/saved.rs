#![no_main]
//! Any bytes as a saved bandit, router or steering set.

use libfuzzer_sys::fuzz_target;
use rag_core::bandit::Bandit;
use rag_core::routing::Router;
use rag_core::steering::Steering;

fuzz_target!(|data: &[u8]| {
    if let Ok(mut bandit) = Bandit::from_bytes(data) {
        let _ = bandit.choose("general", None);
        assert!(Bandit::from_bytes(&bandit.to_bytes()).is_ok());
    }
    if let Ok(router) = Router::from_bytes(data) {
        assert!(Router::from_bytes(&router.to_bytes()).is_ok());
    }
    if let Ok(steering) = Steering::from_bytes(data) {
        assert!(Steering::from_bytes(&steering.to_bytes()).is_ok());
    }
});
