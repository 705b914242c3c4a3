internal import CadastreClient

/// What a client does next.
struct BenchOperation {
    /// Under which name its latency is told.
    var kind: OperationKind
    /// What it asks.
    var request: Submission
    /// How many objects that is about; only a batch is about more than one.
    var records: UInt64 = 1
    /// Is told what came of it, if what follows depends on that.
    var answered: ((RawOutcome) -> Void)?
}

/// The kinds of operations whose latency is told apart, in the order in which they are told.
enum OperationKind: String, CaseIterable, Sendable {
    case get
    case head
    case put
    case conditionalPut = "conditional_put"
    case delete
    case list
    case listFolders = "list_folders"
    case usage
    case batch

    /// As people read it.
    var name: String { rawValue.replacing("_", with: " ") }

    /// Whether it puts objects.
    var isPut: Bool {
        switch self {
        case .put, .conditionalPut, .batch: true
        case .get, .head, .delete, .list, .listFolders, .usage: false
        }
    }
}

/// What a load does, drawn by its weight.
enum BenchAction: Hashable, Sendable {
    /// Puts an object.
    case put
    /// Puts an object that was not there before, newer than all others.
    case append
    /// Puts an object that must not be there.
    case putIfAbsent
    /// Puts an object over the newest of this run, or over one that must be there.
    case putOverNewest
    /// So many puts of neighbours as one command.
    case batch(Int)
    /// Puts the next file of a log of commits, for which all clients contend.
    case commit
    /// Reads an object, then puts it if it is still the same.
    case swap
    /// Deletes an object.
    case delete
    /// Reads an object.
    case get
    /// Reads an object, three times of ten one that never was: the register's part of a HEAD.
    case head
    /// Lists so many objects behind a key.
    case listAfter(Int)
    /// Lists so many objects under a prefix that holds as many.
    case listUnder(Int)
    /// Lists so many objects and folders of a folder, at any depth.
    case listFolders(Int)
    /// Lists the whole bucket in pages of so many; every other client the folders of a folder.
    case walk(Int)
    /// Reads what the bucket holds.
    case usage

    /// The kinds of operations that it is made of, each as often.
    var kinds: [OperationKind] {
        switch self {
        case .put, .append: [.put]
        case .putIfAbsent, .putOverNewest, .commit: [.conditionalPut]
        case .swap: [.get, .conditionalPut]
        case .batch: [.batch]
        case .delete: [.delete]
        case .get: [.get]
        case .head: [.head]
        case .listAfter, .listUnder: [.list]
        case .listFolders: [.listFolders]
        case .walk: [.list, .listFolders]
        case .usage: [.usage]
        }
    }
}

/// What a load does and how often, in weights.
struct Mix: Sendable {
    /// What and how often.
    let shares: [(action: BenchAction, weight: UInt64)]
    private let sum: UInt64

    /// Mixes actions of weights above 0; at least one.
    init(_ shares: [(BenchAction, UInt64)]) {
        precondition(shares.allSatisfy { $0.1 > 0 } && !shares.isEmpty, "a mix of nothing")
        self.shares = shares.map { (action: $0.0, weight: $0.1) }
        sum = shares.map(\.1).reduce(0, +)
    }

    /// Draws an action; with one alone no number is drawn.
    func draw(_ numbers: inout SeededNumbers) -> BenchAction {
        guard shares.count > 1 else { return shares[0].action }
        var rest = numbers.next() % sum
        for share in shares {
            if rest < share.weight { return share.action }
            rest -= share.weight
        }
        preconditionFailure("a number below the sum of all weights is in one of them")
    }

    /// Each kind's share of all operations, in percent.
    var percentages: [OperationKind: Double] {
        var percentages: [OperationKind: Double] = [:]
        for share in shares {
            let kinds = share.action.kinds
            let part = Double(share.weight) * 100 / Double(sum) / Double(kinds.count)
            for kind in kinds { percentages[kind, default: 0] += part }
        }
        return percentages
    }

    /// Whether every change is a put.
    var onlyPuts: Bool { !shares.contains { $0.action == .delete } }
}
