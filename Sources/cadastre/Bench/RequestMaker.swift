internal import CadastreClient

/// Makes the operations of a load; lives on the event loop.
final class RequestMaker: @unchecked Sendable {
    // Unchecked: made before the event loop sees it, then used there alone.

    private let mix: Mix
    private let bucket: [UInt8]
    private let shape: KeyShape
    private let places: Places
    private let isSequential: Bool
    private let objects: ObjectMaker
    private var numbers: SeededNumbers
    private let remembersNewest: Bool
    /// The newest value of each key that this run made, for conditions; of a mixed load alone.
    private var newest: [UInt64: [UInt8]] = [:]
    /// How many places have an object, of a load that appends.
    private var written: UInt64
    private let log: CommitLog
    private let swaps = Swaps()
    private let walks: Walks

    /// Makes the operations of a plan.
    init(_ plan: BenchPlan) {
        mix = plan.mix
        bucket = plan.bucket
        shape = plan.shape
        places = Places(plan.keyCount, plan.order, plan.popularity, theta: plan.theta)
        isSequential = plan.order == .sequential
        remembersNewest = plan.mix.shares.contains { $0.action == .putOverNewest }
        let run = String(UInt32.random(in: 0 ... .max), radix: 16)
        objects = ObjectMaker(plan, run: plan.tellsValuesApart ? run : nil)
        numbers = SeededNumbers(seed: plan.seed)
        written = plan.populates ? plan.keyCount : 0
        log = CommitLog(run)
        walks = Walks(plan.bucket)
    }

    /// The operation of a number, done by a process that has none on its way.
    func operation(_ number: UInt64, of process: UInt64 = 0) -> BenchOperation {
        let place = places.place(number, &numbers)
        switch mix.draw(&numbers) {
        case .put: return put(.put, number, place)
        case .append:
            written += 1
            return put(.put, number, written - 1)
        case .putIfAbsent: return put(.conditionalPut, number, place, .ifAbsent)
        case .putOverNewest:
            let condition = newest[place].map { Precondition.ifMatch([$0]) } ?? .ifPresent
            return put(.conditionalPut, number, place, condition)
        case .batch(let size): return batch(number, place, UInt64(size))
        case .commit: return commit(number)
        case .swap: return swap(number, place, process)
        case .delete:
            return change(.delete, DeleteObject(bucket: bucket, key: shape.key(place)))
        case .get: return question(.get, GetObject(bucket: bucket, key: shape.key(present(place))))
        case .head: return head(present(place))
        case .listAfter(let page):
            let after = shape.key(place)
            return question(.list, ListObjects(bucket: bucket, after: after, maximum: page))
        case .listUnder(let page):
            let prefix = shape.prefix(place, holding: page, of: places.count)
            return question(.list, ListObjects(bucket: bucket, prefix: prefix, maximum: page))
        case .listFolders(let page):
            let depth = numbers.next() % (Walks.maximumDepth + 1)
            let folder = shape.folder(place, depth: Int(depth))
            return question(.listFolders, walks.folders(of: folder, after: [], maximum: page))
        case .walk(let page):
            let depth = numbers.next() % (Walks.maximumDepth + 1)
            let folder = shape.folder(place, depth: Int(depth))
            return walks.operation(of: process, folder: folder, maximum: page)
        case .usage: return question(.usage, GetUsage(bucket: bucket))
        }
    }

    /// The one of those that were written, where a load writes its own.
    private func present(_ place: UInt64) -> UInt64 {
        guard written != places.count, written > 0 else { return place }
        return places.drawn(from: written, &numbers)
    }

    private func change(_ kind: OperationKind, _ command: some ClientCommand) -> BenchOperation {
        BenchOperation(kind: kind, request: Submission(.command, command.encoded))
    }

    private func question(_ kind: OperationKind, _ query: some ClientQuery) -> BenchOperation {
        BenchOperation(kind: kind, request: Submission(.query, query.encoded))
    }

    private func put(
        _ kind: OperationKind,
        _ number: UInt64,
        _ place: UInt64,
        _ condition: Precondition? = nil
    ) -> BenchOperation {
        let put = objects.put(number, place, condition, &numbers)
        if remembersNewest { newest[place] = put.etag }
        return change(kind, put)
    }

    /// Neighbours, as they are what one upload or one job of a service puts together.
    private func batch(_ number: UInt64, _ place: UInt64, _ size: UInt64) -> BenchOperation {
        let first = isSequential ? number &* size : place
        let puts = (0..<size).map { offset in
            let place = (first &+ offset) % places.count
            return Batch.Operation.put(
                objects.put(number &* size &+ offset, place, nil, &numbers)
            )
        }
        var operation = change(.batch, Batch(puts))
        operation.records = size
        return operation
    }

    /// Three of ten ask for what never was, as backup tools and negative look-ups do.
    private func head(_ place: UInt64) -> BenchOperation {
        var key = shape.key(place)
        if numbers.next() % 10 < 3 { key.append(UInt8(ascii: "~")) }
        return question(.head, GetObject(bucket: bucket, key: key))
    }

    private func commit(_ number: UInt64) -> BenchOperation {
        let version = log.next
        let key = log.key(version)
        let put = objects.put(number, key: key, size: 1_000, .ifAbsent, &numbers)
        var operation = change(.conditionalPut, put)
        operation.answered = { [log] outcome in log.answered(version, outcome) }
        return operation
    }

    private func swap(_ number: UInt64, _ place: UInt64, _ process: UInt64) -> BenchOperation {
        guard let held = swaps.take(process) else {
            let get = GetObject(bucket: bucket, key: shape.key(place))
            var operation = question(.get, get)
            operation.answered = { [swaps] outcome in swaps.read(place, outcome, by: process) }
            return operation
        }
        let condition = held.etag.map { Precondition.ifMatch([$0]) } ?? .ifAbsent
        return put(.conditionalPut, number, held.place, condition)
    }
}
