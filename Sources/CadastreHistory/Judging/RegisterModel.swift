/// One register with read, write and compare-and-set; at first it was never written.
struct RegisterModel: SequentialModel {
    private var value: String?

    var digest: Digest {
        var digest = Digest(value == nil ? 0 : 1)
        if let value { digest.add(value.utf8) }
        return digest
    }

    func judge(_ operation: Operation) -> Judgement {
        switch (operation.action, operation.outcome) {
        case (.read, .done(.value(let said))): return said == value ? .unchanged : .impossible
        case (.write, .done), (.write, .unknown): return .changing
        case (.compareAndSet(_, let expected, _), .done(.swapped(let isSwapped))):
            guard (expected == value) == isSwapped else { return .impossible }
            return isSwapped ? .changing : .unchanged
        case (.compareAndSet(_, let expected, _), .unknown):
            return expected == value ? .changing : .impossible
        case (_, _): return .impossible
        }
    }

    mutating func apply(_ operation: Operation) -> String? {
        let old = value
        switch operation.action {
        case .write(_, let new), .compareAndSet(_, _, let new): value = new
        case .read, .put, .delete, .get, .list, .usage, .createBucket, .deleteBucket, .setQuota,
            .given:
            break
        }
        return old
    }

    mutating func undo(_ undo: String?) { value = undo }

    func state(for operation: Operation) -> String {
        value.map { "\(operation.place) holds \(Words.plain($0))" }
            ?? "\(operation.place) was never written"
    }

    func touches(_ one: Operation, _ other: Operation) -> Bool { true }

    func overwrites(_ one: Operation, _ other: Operation) -> Bool {
        if case .write = one.action { true } else { false }
    }

    var isTangled: Bool { false }
}
