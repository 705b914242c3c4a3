internal import NIOCore

/// One node as the client sees it: its connections, and the requests that wait for one.
///
/// Lives on the router's event loop alone.
final class NodeLink {
    let endpoint: Endpoint
    /// The node's id, as it greeted last.
    private(set) var node: UInt64?
    /// Those that take requests.
    private(set) var connections: [RequestConnection] = []
    /// Those whose node is stopping: they take nothing more and may still bring answers.
    private(set) var draining: [RequestConnection] = []
    private(set) var openingCount = 0
    /// Requests for this node alone, while it has no connection for them.
    let waiting = RequestQueue()
    /// Why the last connection failed or ended; nil once one was opened after it.
    private(set) var lastFailure: ConnectionFailure?
    /// When that was.
    private(set) var lastFailureTime: NIODeadline?
    /// Failures since the last success.
    private(set) var failureCount = 0
    /// It has failed, and a timer will open it again.
    var isOpeningLater = false
    private var nextConnection = 0
    /// The connection that is read, or will be flushed.
    private var gathering: RequestConnection?

    init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
    }

    /// Whether one takes requests.
    var hasConnection: Bool { !connections.isEmpty }

    /// Whether trying it now makes sense: it has not just failed.
    func isPromising(at now: NIODeadline) -> Bool {
        guard let lastFailureTime else { return true }
        return hasConnection || now - lastFailureTime > .seconds(1)
    }

    /// Whether a connection that could not be made while others are well may be tried again.
    func mayReopen(at now: NIODeadline) -> Bool {
        guard hasConnection, let lastFailureTime else { return true }
        let pause = ClientLimits.reopenMilliseconds << min(max(0, failureCount - 1), 5)
        return now - lastFailureTime >= .milliseconds(pause)
    }

    /// The connection on which the caller now sends one more request; nil if all are full.
    ///
    /// Requests gather on one, for a flush costs a record, a system call and a wake-up at the other
    /// end, whatever it carries: on the one that is read, whose callers ask again, or that is to be
    /// flushed at the end of this turn of the event loop. But not where its flush is large already,
    /// or while it has more than twice as many on their way as another: the node's threads share its
    /// connections. Then the one with the fewest takes it; of several they do in turn.
    ///
    /// Cost: looks at every connection.
    func connectionToSend() -> RequestConnection? {
        if let gathering, gathering.hasRoom, !gathering.isFlushFull, isFair(toAdd: gathering) {
            return gathering
        }
        var chosen: (index: Int, inFlightCount: Int)?
        for offset in connections.indices {
            let index = (nextConnection + offset) % connections.count
            let count = connections[index].inFlightCount
            if connections[index].hasRoom, count < chosen?.inFlightCount ?? .max {
                chosen = (index, count)
            }
        }
        guard let chosen else { return nil }
        nextConnection = chosen.index + 1
        gathering = connections[chosen.index]
        return gathering
    }

    private func isFair(toAdd connection: RequestConnection) -> Bool {
        connections.allSatisfy { $0.inFlightCount * 2 >= connection.inFlightCount }
    }

    /// The connections to give up, since requests have waited on them for too long.
    ///
    /// All of them if the node has been silent on every one: it is stopped, or cut off, and each
    /// tried in turn would cost as long again. One alone only after twice as long, for there the
    /// node is well and the request may be slow.
    func silentConnections(at now: NIODeadline, _ patience: TimeAmount) -> [RequestConnection] {
        let all = connections + draining
        guard all.contains(where: { $0.isStalled(at: now, patience) }) else { return [] }
        let isSilent = all.allSatisfy { now - $0.lastHeard > patience }
        return isSilent ? all : all.filter { $0.isStalled(at: now, patience + patience) }
    }
}

// MARK: - What happens to its connections

extension NodeLink {
    func reads(_ connection: RequestConnection) { gathering = connection }

    func flushes(_ connection: RequestConnection) {
        if gathering === connection { gathering = nil }
    }

    func beganOpening() { openingCount += 1 }

    func opened(_ connection: RequestConnection, node: UInt64) {
        self.node = node
        openingCount -= 1
        connections.append(connection)
        lastFailure = nil
        lastFailureTime = nil
        failureCount = 0
    }

    func failedToOpen(_ failure: ConnectionFailure, at now: NIODeadline) {
        openingCount -= 1
        failed(failure, at: now)
    }

    /// A connection will take nothing more.
    func beganDraining(
        _ connection: RequestConnection,
        _ failure: ConnectionFailure,
        at now: NIODeadline
    ) {
        lost(connection, failure, at: now)
        draining.append(connection)
    }

    /// A connection has ended; one that was draining counts as failed already.
    func lost(_ connection: RequestConnection, _ failure: ConnectionFailure, at now: NIODeadline) {
        if gathering === connection { gathering = nil }
        draining.removeAll { $0 === connection }
        guard let index = connections.firstIndex(where: { $0 === connection }) else { return }
        connections.remove(at: index)
        failed(failure, at: now)
    }

    private func failed(_ failure: ConnectionFailure, at now: NIODeadline) {
        lastFailure = failure
        lastFailureTime = now
        failureCount += 1
    }
}

/// Why a connection failed or ended.
struct ConnectionFailure: Sendable, Hashable {
    /// Trying again will not help: one side does not let the other in.
    var isPermanent: Bool
    /// For people.
    var detail: String
}
