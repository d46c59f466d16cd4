//! Any bytes as a saved bandit, calibration, domain detector, router or steering set, as
//! judgements or a run, or as what shards send each other.

use rag_core::bandit::Bandit;
use rag_core::calibration::Calibration;
use rag_core::collection::{
    Batch, Collection, Fusion, Query, RequestStatistics, ShardRequest, ShardResponse,
};
use rag_core::domain::DomainDetector;
use rag_core::evaluation::{Qrels, Run};
use rag_core::file;
use rag_core::routing::{RouteOptions, Router};
use rag_core::steering::Steering;
use std::sync::LazyLock;

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
    shards(data);
}

/// A shard, and what it is asked: by scores and by ranks, with diversity.
static SHARD: LazyLock<(Collection, [ShardRequest; 2])> = LazyLock::new(|| {
    let shard = Collection::in_memory(None, Some(2)).unwrap();
    let batch = Batch::new(["a", "b", "c"]).texts(["one two", "two three", "three four"]);
    let batch = batch.vectors(&[1.0, 0.0, 0.5, 0.5, 0.0, 1.0], 2).unwrap();
    shard.add(batch).unwrap();
    let request = |fusion: Fusion| {
        let mut query = Query::text("two three").with_vector(vec![0.6, 0.8]);
        (query.options.fusion, query.options.diversity) = (fusion, 0.5);
        let mut request = ShardRequest::new(&[query], None, None).unwrap();
        let told = shard.shard_statistics(&request).unwrap();
        request.set_statistics(&[told]).unwrap();
        request
    };
    let requests = [request(Fusion::Convex), request(Fusion::Rrf)];
    (shard, requests)
});

/// Behind checksums that fit, because nobody gets past the others.
fn shards(data: &[u8]) {
    let (shard, requests) = &*SHARD;
    let payload = |kind: &str| file::wrap(kind, 1, data);
    if let Ok(mut request) = ShardRequest::from_bytes(&payload("shardreq")) {
        assert!(ShardRequest::from_bytes(&request.to_bytes()).is_ok());
        if let Ok(told) = shard.shard_statistics(&request) {
            let _ = request.set_statistics(&[told]);
        }
        if let Ok(found) = shard.search_shard(&request) {
            let _ = request.merge(&[found], None);
        }
    }
    if let Ok(told) = RequestStatistics::from_bytes(&payload("shardcnt")) {
        assert_eq!(
            RequestStatistics::from_bytes(&told.to_bytes()).unwrap(),
            told
        );
        let _ = requests[0].clone().set_statistics(&[told]);
    }
    if let Ok(found) = ShardResponse::from_bytes(&payload("shardans")) {
        assert!(ShardResponse::from_bytes(&found.to_bytes()).is_ok());
        for request in requests {
            let _ = request.merge(std::slice::from_ref(&found), None);
        }
    }
}
