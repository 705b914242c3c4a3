/// What one tenant holds: buckets with objects, and a quota.
///
/// A bucket is there from the beginning if it is given, or if no operation of the history creates
/// it and no answer says that it is missing before it is deleted. A quota is only held against the
/// answers from when it is set; before that, nobody knows it.
struct ObjectModel: SequentialModel {
    struct Bucket {
        var isThere = true
        /// Ascending.
        var keys: [[UInt8]] = []
        var objects: [[UInt8]: Object] = [:]
        var bytes: UInt64 = 0
    }

    struct Quota: Hashable {
        var objects: UInt64?
        var bytes: UInt64?
    }

    enum Undo {
        case object(Place, Object?)
        case bucket(String, wasThere: Bool)
        case quota(Quota?)
    }

    /// What an operation does to the present state.
    private enum Effect {
        case refused(String)
        case answered(Answer)
        case changes(Answer)
    }

    private var buckets: [String: Bucket] = [:]
    private var quota: Quota?
    private var objects: UInt64 = 0
    private var bytes: UInt64 = 0
    private(set) var digest = Digest()
    /// Whether any operation sets a bound: then every change may matter to every other.
    let isTangled: Bool

    /// The state before these operations.
    init(before operations: [Operation]) {
        isTangled = operations.contains { operation in
            guard case .setQuota(let objects, let bytes) = operation.action else { return false }
            return objects != nil || bytes != nil
        }
        // For each bucket the strongest word of the history about its beginning.
        var isThere: [String: Bool] = [:]
        for operation in operations {
            if case .given(let bucket, _) = operation.action { isThere[bucket] = true }
        }
        for operation in operations {
            guard case .createBucket(let bucket) = operation.action else { continue }
            isThere[bucket] = isThere[bucket] ?? false
        }
        for operation in operations {
            guard case .deleteBucket(let bucket) = operation.action,
                operation.outcome == .done(.happened)
            else { continue }
            isThere[bucket] = isThere[bucket] ?? true
        }
        for operation in operations {
            guard let bucket = operation.action.bucket,
                operation.outcome == .refused(Refusals.noSuchBucket),
                !(isThere[bucket] ?? false)
            else { continue }
            buckets[bucket] = Bucket(isThere: false)
        }
        for operation in operations {
            guard case .createBucket(let bucket) = operation.action, isThere[bucket] == false
            else { continue }
            buckets[bucket] = Bucket(isThere: false)
        }
        for operation in operations {
            guard case .given(let bucket, let key?) = operation.action,
                case .done(.object(let object)) = operation.outcome
            else { continue }
            set(object, at: Place(bucket, key))
        }
    }

    // MARK: Judging

    func judge(_ operation: Operation) -> Judgement {
        switch (operation.outcome, effect(of: operation)) {
        case (.unknown, .changes): return .changing
        case (.unknown, .refused), (.unknown, .answered): return .impossible
        case (.refused(Refusals.quotaExceeded), .changes):
            // Nobody knows the quota, so it may have been exceeded by what grows.
            return quota == nil && grows(operation.action) ? .unchanged : .impossible
        case (.refused(let said), .refused(let reason)):
            return said == reason ? .unchanged : .impossible
        case (.refused, .changes), (.refused, .answered), (.done, .refused): return .impossible
        case (.done(let said), .answered(let answer)):
            return agree(said, answer) ? .unchanged : .impossible
        case (.done(let said), .changes(let answer)):
            return said == answer ? .changing : .impossible
        }
    }

    private func effect(of operation: Operation) -> Effect {
        switch operation.action {
        case .put(let place, _, let size, let condition):
            guard bucket(place.bucket).isThere else { return .refused(Refusals.noSuchBucket) }
            let old = object(at: place)
            if let refusal = refusal(condition, old) { return .refused(refusal) }
            if !operation.isInBatch, exceeds(old, size) { return .refused(Refusals.quotaExceeded) }
            return .changes(.happened)
        case .delete(let place, let condition):
            guard bucket(place.bucket).isThere else { return .refused(Refusals.noSuchBucket) }
            let old = object(at: place)
            if let refusal = refusal(condition, old) { return .refused(refusal) }
            return old == nil ? .answered(.removed(false)) : .changes(.removed(true))
        case .get(let place):
            guard bucket(place.bucket).isThere else { return .refused(Refusals.noSuchBucket) }
            guard let object = object(at: place) else { return .refused(Refusals.noSuchObject) }
            return .answered(.object(object))
        case .list(let name, let prefix, let after, let maximum):
            let bucket = bucket(name)
            guard bucket.isThere else { return .refused(Refusals.noSuchBucket) }
            return .answered(bucket.page(prefix, after, maximum))
        case .usage(nil): return .answered(.usage(objects: objects, bytes: bytes))
        case .usage(let name?):
            let bucket = bucket(name)
            guard bucket.isThere else { return .refused(Refusals.noSuchBucket) }
            return .answered(.usage(objects: UInt64(bucket.keys.count), bytes: bucket.bytes))
        case .createBucket(let name):
            return bucket(name).isThere
                ? .refused(Refusals.bucketOwnedByYou) : .changes(.happened)
        case .deleteBucket(let name):
            let bucket = bucket(name)
            guard bucket.isThere else { return .refused(Refusals.noSuchBucket) }
            return bucket.keys.isEmpty
                ? .changes(.happened) : .refused(Refusals.bucketNotEmpty)
        case .setQuota: return .changes(.happened)
        case .given, .read, .write, .compareAndSet: return .answered(.happened)
        }
    }

    private func bucket(_ name: String) -> Bucket { buckets[name] ?? Bucket() }

    private func object(at place: Place) -> Object? { buckets[place.bucket]?.objects[place.key] }

    private func refusal(_ condition: Condition?, _ old: Object?) -> String? {
        switch condition {
        case nil: nil
        case .absent: old == nil ? nil : Refusals.preconditionFailed
        case .present: old == nil ? Refusals.noSuchObject : nil
        case .match(let tags):
            old.map { tags.contains($0.etag) ? nil : Refusals.preconditionFailed }
                ?? Refusals.noSuchObject
        }
    }

    /// Only what grows is bounded: a tenant above its quota may still shrink.
    private func exceeds(_ old: Object?, _ size: UInt64) -> Bool {
        guard let quota else { return false }
        let bytesThen = bytes &- (old?.size ?? 0) &+ size
        let objectsThen = objects &+ (old == nil ? 1 : 0)
        return bytesThen > bytes && bytesThen > quota.bytes ?? .max
            || objectsThen > objects && objectsThen > quota.objects ?? .max
    }

    private func grows(_ action: Action) -> Bool {
        guard case .put(let place, _, let size, _) = action else { return false }
        return object(at: place).map { $0.size < size } ?? true
    }

    private func agree(_ said: Answer, _ answer: Answer) -> Bool {
        switch (said, answer) {
        case (.object(let one), .object(let other)): one.agrees(with: other)
        case (.page(let some, let isTruncated), .page(let others, let areTruncated)):
            isTruncated == areTruncated && some.count == others.count
                && zip(some, others).allSatisfy {
                    $0.key == $1.key && $0.object.agrees(with: $1.object)
                }
        case (_, _): said == answer
        }
    }

    // MARK: Changing

    mutating func apply(_ operation: Operation) -> Undo {
        switch operation.action {
        case .put(let place, let etag, let size, _):
            let object = Object(etag: etag, size: size, sequence: operation.sequence)
            return .object(place, set(object, at: place))
        case .delete(let place, _): return .object(place, set(nil, at: place))
        case .createBucket(let name): return .bucket(name, wasThere: set(name, isThere: true))
        case .deleteBucket(let name): return .bucket(name, wasThere: set(name, isThere: false))
        case .setQuota(let objects, let bytes):
            let old = quota
            set(Quota(objects: objects, bytes: bytes))
            return .quota(old)
        case .get, .list, .usage, .given, .read, .write, .compareAndSet:
            preconditionFailure("\(operation) changes nothing")
        }
    }

    mutating func undo(_ undo: Undo) {
        switch undo {
        case .object(let place, let old): set(old, at: place)
        case .bucket(let name, let wasThere): set(name, isThere: wasThere)
        case .quota(let old): set(old)
        }
    }

    /// Sets what is at a place; returns what was.
    @discardableResult
    private mutating func set(_ object: Object?, at place: Place) -> Object? {
        let old = buckets[place.bucket, default: Bucket()].set(object, at: place.key)
        if let old {
            digest.toggle(Self.digest(of: old, at: place))
            objects &-= 1
            bytes &-= old.size
        }
        if let object {
            digest.toggle(Self.digest(of: object, at: place))
            objects &+= 1
            bytes &+= object.size
        }
        return old
    }

    @discardableResult
    private mutating func set(_ name: String, isThere: Bool) -> Bool {
        let wasThere = bucket(name).isThere
        if wasThere != isThere {
            var digest = Digest(2)
            digest.add(name.utf8)
            self.digest.toggle(digest)
        }
        buckets[name, default: Bucket()].isThere = isThere
        return wasThere
    }

    private mutating func set(_ new: Quota?) {
        for quota in [quota, new] {
            guard let quota else { continue }
            var digest = Digest(3)
            digest.add(quota.objects ?? .max)
            digest.add(quota.bytes ?? .max)
            self.digest.toggle(digest)
        }
        quota = new
    }

    private static func digest(of object: Object, at place: Place) -> Digest {
        var digest = Digest(1)
        digest.add(place.bucket.utf8)
        digest.add(place.key)
        digest.add(object.etag.utf8)
        digest.add(object.size)
        digest.add(object.sequence ?? 0)
        return digest
    }

    // MARK: Telling

    func state(for operation: Operation) -> String {
        switch operation.action {
        case .put(let place, _, _, _), .delete(let place, _), .get(let place):
            guard bucket(place.bucket).isThere else { return noBucket(place.bucket) }
            let held = object(at: place).map { "holds \($0.words)" } ?? "is absent"
            guard case .refused(Refusals.quotaExceeded) = effect(of: operation) else {
                return "\(Words.plain(place.text)) \(held)"
            }
            return "\(Words.plain(place.text)) \(held), and the quota does not allow it: "
                + "the tenant holds \(objects) objects of \(bytes) bytes"
        case .list(let name, let prefix, let after, let maximum):
            let bucket = bucket(name)
            guard bucket.isThere else { return noBucket(name) }
            return "the list is \(bucket.page(prefix, after, maximum).words)"
        case .usage, .setQuota:
            guard case .answered(let answer) = effect(of: operation) else {
                return "there is no such bucket"
            }
            return "what is held is \(answer.words)"
        case .createBucket(let name), .deleteBucket(let name):
            let bucket = bucket(name)
            return bucket.isThere
                ? "bucket \(Words.plain(name)) is there with \(bucket.keys.count) objects"
                : noBucket(name)
        case .given, .read, .write, .compareAndSet: return ""
        }
    }

    private func noBucket(_ name: String) -> String { "there is no bucket \(Words.plain(name))" }

    func touches(_ one: Operation, _ other: Operation) -> Bool {
        guard !isTangled, let bucket = one.action.bucket, let theirs = other.action.bucket else {
            return true
        }
        guard bucket == theirs else { return false }
        guard let key = one.action.objectKey, let other = other.action.objectKey else {
            return true
        }
        return key == other
    }

    func overwrites(_ one: Operation, _ other: Operation) -> Bool {
        guard let key = one.action.objectKey, key == other.action.objectKey,
            one.action.bucket == other.action.bucket
        else { return false }
        return switch one.action {
        case .put(_, _, _, nil), .delete(_, nil): true
        case .put, .delete, .get, .list, .usage, .createBucket, .deleteBucket, .setQuota, .given,
            .read, .write, .compareAndSet:
            false
        }
    }
}

extension ObjectModel.Bucket {
    /// Sets what a key holds; returns what it held.
    mutating func set(_ object: Object?, at key: [UInt8]) -> Object? {
        let old = objects[key]
        if (old == nil) != (object == nil) {
            let place = keys.insertion(of: key)
            if object == nil { keys.remove(at: place) } else { keys.insert(key, at: place) }
        }
        objects[key] = object
        bytes = bytes &- (old?.size ?? 0) &+ (object?.size ?? 0)
        return old
    }

    /// A page of what is in it.
    func page(_ prefix: [UInt8], _ after: [UInt8], _ maximum: Int) -> Answer {
        var items: [Item] = []
        guard maximum > 0 else { return .page([], isTruncated: false) }
        var place = keys.insertion(of: after.lexicographicallyPrecedes(prefix) ? prefix : after)
        while place < keys.count {
            let key = keys[place]
            place += 1
            guard after.lexicographicallyPrecedes(key) else { continue }
            guard key.starts(with: prefix) else { break }
            guard items.count < maximum else { return .page(items, isTruncated: true) }
            guard let object = objects[key] else { continue }
            items.append(Item(key: key, object: object))
        }
        return .page(items, isTruncated: false)
    }
}

extension [[UInt8]] {
    /// The first place, in ascending order, whose key is not before this one.
    func insertion(of key: [UInt8]) -> Int {
        var range = 0..<count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if self[middle].lexicographicallyPrecedes(key) {
                range = middle + 1..<range.upperBound
            } else {
                range = range.lowerBound..<middle
            }
        }
        return range.lowerBound
    }
}
