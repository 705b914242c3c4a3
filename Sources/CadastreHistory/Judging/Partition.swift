/// A part of a history that stands or falls by itself: a history is linearizable if and only if
/// each of its objects is (Herlihy and Wing, 1990).
struct Partition {
    /// What it is about, for people.
    var name: String
    /// In the order of the history.
    var operations: [Operation]
    /// Registers, or else objects.
    var isOfRegisters: Bool
    /// Whether it holds one key's part of operations on many: then it only says no.
    var isProjected: Bool
}

extension Partition {
    /// The parts of a history, those that are quickly judged first.
    static func all(of operations: [Operation]) -> [Partition] {
        let judged = operations.filter(\.isJudged)
        return registers(judged) + objects(judged)
    }

    private static func registers(_ operations: [Operation]) -> [Partition] {
        groups(operations.filter { !$0.isOfObjects }) { [$0.tenant, $0.target] }.map { group in
            Partition(
                name: "register \(group[0].place)",
                operations: group,
                isOfRegisters: true,
                isProjected: false
            )
        }
    }

    private static func objects(_ operations: [Operation]) -> [Partition] {
        var keys: [Partition] = []
        var wholes: [Partition] = []
        for tenant in groups(operations.filter(\.isOfObjects), by: { [$0.tenant] }) {
            let isOfTenant = tenant.contains { $0.action.bucket == nil }
            for bucket in groups(tenant.filter { $0.action.bucket != nil }, by: \.bucketName) {
                keys += Projection(bucket).partitions
                guard !isOfTenant, bucket.contains(where: { !$0.isOfOneKey }) else { continue }
                let name = "bucket \(Words.plain(bucket[0].action.bucket ?? ""))"
                wholes.append(whole(name, bucket))
            }
            guard isOfTenant else { continue }
            let name =
                tenant[0].tenant.isEmpty ? "the tenant" : "tenant \(Words.plain(tenant[0].tenant))"
            wholes.append(whole(name, tenant))
        }
        return keys + wholes
    }

    private static func whole(_ name: String, _ operations: [Operation]) -> Partition {
        Partition(name: name, operations: operations, isOfRegisters: false, isProjected: false)
    }

    /// Groups of equal names, in the order in which the names come first.
    static func groups(
        _ operations: [Operation],
        by name: (Operation) -> [String]
    ) -> [[Operation]] {
        var places: [[String]: Int] = [:]
        var groups: [[Operation]] = []
        for operation in operations {
            let name = name(operation)
            if let place = places[name] {
                groups[place].append(operation)
            } else {
                places[name] = groups.count
                groups.append([operation])
            }
        }
        return groups
    }
}

extension Operation {
    fileprivate var bucketName: [String] { [action.bucket ?? ""] }

    /// Whether it is about one key, and its outcome too.
    fileprivate var isOfOneKey: Bool {
        switch action {
        case .put, .delete, .get:
            switch outcome {
            case .refused(let reason):
                [Refusals.preconditionFailed, Refusals.noSuchObject].contains(reason)
            case .unknown, .done: true
            }
        case .given: true
        case .list, .usage, .createBucket, .deleteBucket, .setQuota, .read, .write,
            .compareAndSet:
            false
        }
    }
}

/// What a bucket's operations say about each key by itself: a list is a question about each key in
/// its range.
///
/// If a bucket's history is linearizable, so is that of each key. The other direction holds only
/// where there are no operations on many keys; but most of what goes wrong shows here, quickly.
private struct Projection {
    /// More questions than this are not made of lists; the whole bucket is judged anyway.
    private static let maximumQuestions = 4_000_000

    private let bucket: String
    private var places: [[UInt8]: Int] = [:]
    private var parts: [[Operation]] = []
    /// Keys that anything changes, ascending.
    private var changed: [[UInt8]] = []
    private var questions = 0

    init(_ operations: [Operation]) {
        bucket = operations.first?.action.bucket ?? ""
        var keys: Set<[UInt8]> = []
        for operation in operations {
            switch operation.action {
            case .put(let place, _, _, _), .delete(let place, _): keys.insert(place.key)
            case .get(let place): makePart(place.key)
            case .list, .usage, .createBucket, .deleteBucket, .setQuota, .given, .read, .write,
                .compareAndSet:
                break
            }
        }
        changed = keys.sorted { $0.lexicographicallyPrecedes($1) }
        for key in changed { makePart(key) }
        for operation in operations { add(operation) }
    }

    var partitions: [Partition] {
        parts.map { part in
            Partition(
                name: "object \(Words.plain(Place(bucket, part.firstKey).text))",
                operations: part,
                isOfRegisters: false,
                isProjected: true
            )
        }
    }

    private mutating func makePart(_ key: [UInt8]) {
        guard places[key] == nil else { return }
        places[key] = parts.count
        parts.append([])
    }

    private mutating func add(_ operation: Operation) {
        switch operation.action {
        case .put, .delete, .get, .given:
            guard operation.isOfOneKey, let key = operation.action.objectKey,
                let place = places[key]
            else { return }
            parts[place].append(operation)
        case .list(_, let prefix, let after, let maximum):
            guard case .done(.page(let items, let isTruncated)) = operation.outcome, maximum > 0
            else { return }
            let start = after.lexicographicallyPrecedes(prefix) ? prefix : after
            var place = changed.insertion(of: start)
            var next = 0
            while place < changed.count, questions < Self.maximumQuestions {
                let key = changed[place]
                place += 1
                guard after.lexicographicallyPrecedes(key) else { continue }
                let isBehind =
                    isTruncated && items.last.map { $0.key.lexicographicallyPrecedes(key) } ?? true
                guard key.starts(with: prefix), !isBehind else { return }
                while next < items.count, items[next].key.lexicographicallyPrecedes(key) {
                    next += 1
                }
                let isListed = next < items.count && items[next].key == key
                ask(operation, key, isListed ? items[next].object : nil)
            }
        case .usage, .createBucket, .deleteBucket, .setQuota, .read, .write, .compareAndSet: break
        }
    }

    private mutating func ask(_ list: Operation, _ key: [UInt8], _ object: Object?) {
        guard let part = places[key] else { return }
        questions += 1
        var question = list
        question.action = .get(Place(bucket, key))
        question.outcome =
            object.map { .done(.object($0)) } ?? .refused(Refusals.noSuchObject)
        parts[part].append(question)
    }
}

extension [Operation] {
    fileprivate var firstKey: [UInt8] { first?.action.objectKey ?? [] }
}
