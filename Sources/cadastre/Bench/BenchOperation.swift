internal import CadastreClient

/// What a client does next: a request, or several given to the library in one go and waited for
/// together.
struct BenchOperation {
    /// Under which name its latency is told.
    var kind: OperationKind
    /// At least one.
    var requests: [Submission]
}

/// The kinds of operations whose latency is told apart.
enum OperationKind: String, CaseIterable, CodingKey, Sendable {
    case put
    case conditionalPut = "conditional_put"
    case get
    case delete
    case list
    case usage
    case batch
}

/// What a load does, drawn by its weight.
enum BenchAction: Hashable, Sendable {
    /// Puts an object.
    case put
    /// Puts an object that must not be there.
    case putIfAbsent
    /// Puts an object over the newest of this run, or over one that must be there.
    case putOverNewest
    /// So many puts of neighbours at once, each a command of its own.
    case batch(Int)
    /// Deletes an object.
    case delete
    /// Reads an object.
    case get
    /// Lists so many objects behind a key.
    case listAfter(Int)
    /// Lists so many objects under a prefix that holds as many.
    case listUnder(Int)
    /// Reads what the bucket holds.
    case usage
}

/// What a load does and how often, in weights.
struct Mix: Sendable {
    private let shares: [(action: BenchAction, weight: UInt64)]
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
}
