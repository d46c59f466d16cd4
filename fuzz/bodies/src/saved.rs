//! Any bytes as a saved bandit, calibration, domain detector, router or steering set, or as
//! judgements or a run.

use rag_core::bandit::Bandit;
use rag_core::calibration::Calibration;
use rag_core::domain::DomainDetector;
use rag_core::evaluation::{Qrels, Run};
use rag_core::routing::{RouteOptions, Router};
use rag_core::steering::Steering;

pub(crate) fn run(data: &[u8]) {
    if let Ok(mut bandit) = Bandit::from_bytes(data) {
        let _ = bandit.choose("general", None);
        assert!(Bandit::from_bytes(&bandit.to_bytes()).is_ok());
    }
    if let Ok(calibration) = Calibration::from_bytes(data) {
        let curve = calibration.predict_many(&[-1.0, 0.0, 1.0]).unwrap();
        assert!(curve.is_sorted() && curve.iter().all(|p| (0.0..=1.0).contains(p)));
        assert!(Calibration::from_bytes(&calibration.to_bytes()).is_ok());
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Qrels::parse(text);
        let _ = Run::parse(text);
    }
    if let Ok(detector) = DomainDetector::from_bytes(data) {
        if let Some(dim) = detector.dim() {
            let found = detector.detect(&vec![0.5; dim]).unwrap();
            assert!((0.0..=1.0).contains(&found.none));
        }
        assert!(DomainDetector::from_bytes(&detector.to_bytes()).is_ok());
    }
    if let Ok(mut router) = Router::from_bytes(data) {
        let _ = router.route(None, &RouteOptions::default().at(8.0));
        assert!(Router::from_bytes(&router.to_bytes()).is_ok());
    }
    if let Ok(steering) = Steering::from_bytes(data) {
        assert!(Steering::from_bytes(&steering.to_bytes()).is_ok());
    }
}
