internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// A request that waits for its reply.
struct OpenRequest: Hashable {
    /// As the client numbers it.
    let clientID: UInt64
    /// What it is.
    let kind: RequestKind
    /// Against whose share it counts.
    let tenant: TenantID
    /// Its bytes.
    let size: Int
    /// When its last byte came, monotonic.
    let received: UInt64
    /// Until when the client waits, monotonic.
    let deadline: UInt64
}

/// The requests of one connection that wait for their replies, under numbers of the connection's
/// own: a client that uses a number again cannot be given the reply to an older request.
struct OpenRequests {
    private var requests: [UInt64: OpenRequest] = [:]
    private var next: UInt64 = 1
    /// No request's deadline is before this.
    private var earliest = UInt64.max

    /// The consensus stage refuses a waiting command at its deadline itself, and is certain; only
    /// after this time, in nanoseconds, the door gives it up as unknown.
    static let grace: UInt64 = 100_000_000

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

    /// Takes all requests away.
    mutating func removeAll() -> [OpenRequest] {
        defer { requests.removeAll() }
        return Array(requests.values)
    }

    /// Takes away what waits in vain, oldest first.
    ///
    /// Cost: O(1) unless a deadline may have passed.
    mutating func removeLate(at now: UInt64) -> [OpenRequest] {
        let limit = now > Self.grace ? now - Self.grace : 0
        guard earliest < limit else { return [] }
        let late = requests.filter { $0.value.deadline < limit }.sorted { $0.key < $1.key }
        for (key, _) in late { requests[key] = nil }
        earliest = requests.values.reduce(.max) { min($0, $1.deadline) }
        return late.map(\.value)
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
        case .answer, .digest, .transferred: self = .done
        case .refused: self = .refused
        case .unknown: self = .unknown
        }
    }
}
