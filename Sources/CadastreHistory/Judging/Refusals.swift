/// The refusals that say something about what is stored; after any other, nothing has happened for a
/// reason that histories do not tell.
enum Refusals {
    static let noSuchObject = "noSuchObject"
    static let noSuchBucket = "noSuchBucket"
    static let bucketOwnedByYou = "bucketOwnedByYou"
    static let bucketNotEmpty = "bucketNotEmpty"
    static let preconditionFailed = "preconditionFailed"
    static let quotaExceeded = "quotaExceeded"

    static let judged: Set<String> = [
        noSuchObject, noSuchBucket, bucketOwnedByYou, bucketNotEmpty, preconditionFailed,
        quotaExceeded,
    ]
}

extension Operation {
    /// Whether it tells anything: it is no question without an answer, and nothing that was refused
    /// for a reason of its own.
    var isJudged: Bool {
        switch outcome {
        case .unknown: !isQuestion
        case .refused(let reason): Refusals.judged.contains(reason)
        case .done: true
        }
    }
}

extension Action {
    /// The bucket that it is about; nil of what is about the whole tenant, or a register.
    var bucket: String? {
        switch self {
        case .put(let place, _, _, _), .delete(let place, _), .get(let place): place.bucket
        case .list(let bucket, _, _, _), .createBucket(let bucket), .deleteBucket(let bucket),
            .given(let bucket, _):
            bucket
        case .usage(let bucket): bucket
        case .setQuota, .read, .write, .compareAndSet: nil
        }
    }

    /// The key of the one object that it is about.
    var objectKey: [UInt8]? {
        switch self {
        case .put(let place, _, _, _), .delete(let place, _), .get(let place): place.key
        case .given(_, let key): key
        case .list, .createBucket, .deleteBucket, .usage, .setQuota, .read, .write,
            .compareAndSet:
            nil
        }
    }
}
