internal import CadastreProtocol
internal import NIOConcurrencyHelpers

/// The connections of a node that have greeted: by listener and by caller, each with a bound.
final class ConnectionCounts: Sendable {
    private struct State {
        var listeners: [Listener: Int] = [:]
        var callers: [Principal: Int] = [:]
    }

    private let bounds: Settings.Bounds
    private let state = NIOLockedValueBox(State())

    /// None, and at most so many.
    init(_ bounds: Settings.Bounds) {
        self.bounds = bounds
    }

    /// Counts a connection in.
    ///
    /// - Returns: Why not; nil if it may stand.
    func admit(_ caller: Principal, to listener: Listener) -> String? {
        let maximum =
            switch listener {
            case .administration: bounds.administrationConnections
            case .client, .peer: bounds.connections
            }
        return state.withLockedValue { state in
            guard state.listeners[listener, default: 0] < maximum else {
                return "the limit of connections to this listener is reached"
            }
            guard state.callers[caller, default: 0] < bounds.connectionsPerIdentity else {
                return "the limit of connections of one identity is reached"
            }
            state.listeners[listener, default: 0] += 1
            state.callers[caller, default: 0] += 1
            return nil
        }
    }

    /// Counts a connection out.
    func release(_ caller: Principal, from listener: Listener) {
        state.withLockedValue { state in
            state.listeners[listener, default: 0] -= 1
            let left = state.callers[caller, default: 0] - 1
            state.callers[caller] = left > 0 ? left : nil
        }
    }

    /// How many stand.
    func standing(_ listener: Listener) -> Int {
        state.withLockedValue { $0.listeners[listener, default: 0] }
    }
}
