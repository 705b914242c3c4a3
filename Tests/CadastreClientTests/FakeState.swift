import CadastreProtocol
import Synchronization

/// What all fake nodes share: sessions with slots, and how often each change was applied.
final class FakeState: Sendable {
    struct Contents {
        var nextSession: UInt64 = 1
        /// The newest sequence and its reply, by session and slot.
        var slots: [UInt64: [UInt32: (UInt64, ReplyMessage)]] = [:]
        /// How often each bucket was created: more than once is a change applied twice.
        var created: [[UInt8]: Int] = [:]
        var seen: [SeenRequest] = []
        var openCount = 0
        var expired: [UInt64] = []
    }

    private let contents = Mutex(Contents())

    func with<Result>(_ body: (inout sending Contents) -> sending Result) -> sending Result {
        contents.withLock { body(&$0) }
    }

    var created: [[UInt8]: Int] { contents.withLock { $0.created } }
    var seen: [SeenRequest] { contents.withLock { $0.seen } }
    var openCount: Int { contents.withLock { $0.openCount } }
    var expired: [UInt64] { contents.withLock { $0.expired } }

    /// Only the changes that carry a slot.
    var identities: [RequestIdentity] {
        seen.map(\.message.identity).filter { $0 != .none }
    }

    func note(_ request: SeenRequest) {
        contents.withLock { $0.seen.append(request) }
    }

    func forgetSessions() {
        contents.withLock { $0.slots = [:] }
    }

    /// Applies a request as a state machine would.
    func apply(_ request: SeenRequest) -> ReplyMessage {
        contents.withLock { contents in
            contents.seen.append(request)
            switch request.message.content {
            case .command(.openSession):
                let session = contents.nextSession
                contents.nextSession += 1
                contents.openCount += 1
                contents.slots[session] = [:]
                return ReplyMessage(outcome: .done(.command(.done(number: session))))
            case .command(.expireSession(let expire)):
                contents.slots[expire.session] = nil
                contents.expired.append(expire.session)
                return ReplyMessage(outcome: .done(.command(.done())))
            case .command(let command):
                guard case .slot(let session, let slot, let sequence) = request.message.identity
                else { return ReplyMessage(outcome: .refused(.malformed)) }
                guard let slots = contents.slots[session] else {
                    return ReplyMessage(outcome: .refused(.noSuchSession))
                }
                let last = slots[slot]?.0 ?? 0
                if sequence == last, let reply = slots[slot]?.1 { return reply }
                guard sequence == last + 1 else {
                    return ReplyMessage(outcome: .refused(.sequenceOutOfOrder))
                }
                let reply: ReplyMessage
                if case .createBucket(let create) = command {
                    let count = contents.created[create.name, default: 0] + 1
                    contents.created[create.name] = count
                    // A bucket of this name twice is refused by the state machine.
                    reply =
                        count == 1
                        ? ReplyMessage(outcome: .done(.command(.done(number: 7, sequence: 9))))
                        : ReplyMessage(outcome: .refused(.bucketOwnedByYou))
                } else {
                    reply = ReplyMessage(outcome: .done(.command(.done(number: 1, sequence: 1))))
                }
                contents.slots[session]?[slot] = (sequence, reply)
                return reply
            case .query:
                return ReplyMessage(
                    outcome: .done(.query(.usage(.init(buckets: 1, objects: 2, bytes: 3))))
                )
            case .administration:
                return ReplyMessage(
                    outcome: .done(.administration(.leadershipTransferred(leader: 2)))
                )
            }
        }
    }
}

extension ReplyMessage {
    static func notLeader(_ address: String?) -> ReplyMessage {
        ReplyMessage(
            outcome: .refused(.notLeader),
            leader: address.map { LeaderHint(node: 9, address: $0) }
        )
    }
}

extension SeenRequest {
    var isOpenSession: Bool {
        if case .command(.openSession) = message.content { true } else { false }
    }

    var isExpireSession: Bool {
        if case .command(.expireSession) = message.content { true } else { false }
    }

    var isQuery: Bool {
        if case .query = message.content { true } else { false }
    }

    var isCreateBucket: Bool {
        if case .command(.createBucket) = message.content { true } else { false }
    }

    /// Whether it creates the bucket of this number.
    func creates(_ number: Int) -> Bool {
        guard case .command(.createBucket(let create)) = message.content else { return false }
        return create.name == Array("bucket-\(number)".utf8)
    }
}

/// A fact that a test makes true and scripts look at.
final class Fact: Sendable {
    private let isSet = Mutex(false)

    var isTrue: Bool { isSet.withLock { $0 } }

    func becomeTrue() { isSet.withLock { $0 = true } }
}

/// A thing that happens on the fake nodes' event loop and that a test waits for.
struct Happening: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    func happens() { continuation.yield() }

    /// Returns once it has happened so often.
    func wait(count: Int = 1) async {
        var left = count
        for await _ in stream {
            left -= 1
            if left == 0 { return }
        }
    }
}

/// A switch that scripts flip.
final class Flag: Sendable {
    private let count: Mutex<Int>

    init(_ count: Int = 1) { self.count = Mutex(count) }

    /// True the first so many times.
    func take() -> Bool {
        count.withLock { count in
            guard count > 0 else { return false }
            count -= 1
            return true
        }
    }
}

/// A text that scripts and tests hand each other.
final class Box: Sendable {
    private let text = Mutex("")
    var value: String {
        get { text.withLock { $0 } }
        set { text.withLock { $0 = newValue } }
    }
}
