internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// A request that waits for its reply.
struct OpenRequest: Hashable {
    /// As the client numbers it.
    let clientID: UInt64
    /// What it is.
    let kind: RequestKind
    /// What is said of it if no answer comes in time.
    let whenLate: LateOutcome
    /// Against whose share it counts.
    let share: Share
    /// Its bytes and those of its reply.
    let size: Int
    /// When its last byte came, monotonic.
    let received: UInt64
    /// Until when the client waits, monotonic.
    let deadline: UInt64
}

/// What a request past its deadline is answered with.
enum LateOutcome: Hashable {
    /// It may still happen, and perhaps already has.
    case unknown
    /// It changes nothing, whether it is answered or not.
    case refused

    /// Of a request with this content.
    init(_ content: RequestContent) {
        switch content {
        // It may be in a block: only the log knows.
        case .command: self = .unknown
        // The hand-over may be under way.
        case .administration(.transferLeadership),
            .administration(.changeMembers(_, isDryRun: false)),
            .administration(.setPolicy(_, isDryRun: false)):
            self = .unknown
        case .query, .administration(.status), .administration(.members),
            .administration(.computeDigest), .administration(.changeMembers(_, isDryRun: true)),
            .administration(.policy), .administration(.setPolicy(_, isDryRun: true)):
            self = .refused
        }
    }
}

/// The requests of one connection that wait for their replies, under numbers of the connection's
/// own: a client that uses a number again cannot be given the reply to an older request.
struct OpenRequests {
    private var requests: [UInt64: OpenRequest] = [:]
    private var next: UInt64 = 1
    /// No request's deadline is before this.
    private var earliest = UInt64.max

    /// How many wait.
    var count: Int { requests.count }

    /// Whether none waits.
    var isEmpty: Bool { requests.isEmpty }

    /// Adds a request and numbers it.
    mutating func add(_ request: OpenRequest) -> UInt64 {
        let key = next
        next &+= 1
        requests[key] = request
        earliest = min(earliest, request.deadline)
        return key
    }

    /// Takes a request away; nil if it was given up before.
    mutating func remove(_ key: UInt64) -> OpenRequest? {
        requests.removeValue(forKey: key)
    }

    /// Takes all requests away, with their numbers.
    mutating func removeAll() -> [(key: UInt64, request: OpenRequest)] {
        defer { requests.removeAll() }
        return requests.map { ($0, $1) }
    }

    /// Takes away what waits in vain, oldest first, with the numbers.
    ///
    /// Cost: O(1) unless a deadline may have passed.
    mutating func removeLate(at now: UInt64) -> [(key: UInt64, request: OpenRequest)] {
        let grace = RuntimeLimits.requestGrace
        let limit = now > grace ? now - grace : 0
        guard earliest < limit else { return [] }
        let late = requests.filter { $0.value.deadline < limit }.sorted { $0.key < $1.key }
        for (key, _) in late { requests[key] = nil }
        earliest = requests.values.reduce(.max) { min($0, $1.deadline) }
        return late.map { ($0.key, $0.value) }
    }
}

extension NodeMetrics.RequestLabel {
    /// The label of a kind of request.
    init(_ kind: RequestKind) {
        switch kind {
        case .command: self = .command
        case .query: self = .query
        case .administration: self = .administration
        }
    }
}

extension NodeMetrics.OutcomeLabel {
    /// The label of what a stage answered.
    init(_ content: CadastreNode.ReplyContent) {
        switch content {
        case .command(let reply): self = reply.refusal == nil ? .done : .refused
        case .answer, .page, .digest, .transferred, .memberPlan, .policyPlan: self = .done
        case .refused, .forbidden: self = .refused
        case .unknown: self = .unknown
        }
    }
}
