internal import CadastreNode
internal import NIOCore

/// Commands of this process itself, which has no connection, that wait for their replies.
struct OwnRequests {
    private var waiting:
        [UInt64: (promise: EventLoopPromise<CadastreNode.ReplyContent>, deadline: UInt64)] = [:]
    private var next: UInt64 = 1

    /// Adds a request and numbers it.
    ///
    /// - Parameters:
    ///   - promise: Fulfilled with the reply, or as unknown if none comes in time.
    ///   - deadline: Monotonic.
    /// - Returns: The number.
    mutating func add(
        _ promise: EventLoopPromise<CadastreNode.ReplyContent>,
        deadline: UInt64
    ) -> UInt64 {
        defer { next &+= 1 }
        waiting[next] = (promise, deadline)
        return next
    }

    /// A stage has answered.
    mutating func answer(_ number: UInt64, _ content: CadastreNode.ReplyContent) {
        waiting.removeValue(forKey: number)?.promise.succeed(content)
    }

    /// Gives up what waits in vain.
    mutating func giveUpLate(at now: UInt64) {
        for (number, request) in waiting where request.deadline + RuntimeLimits.requestGrace < now {
            answer(number, .unknown)
        }
    }

    /// Gives up everything: no stage answers any more.
    mutating func giveUpAll() {
        for number in Array(waiting.keys) { answer(number, .unknown) }
    }
}
