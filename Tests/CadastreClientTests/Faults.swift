import CadastreProtocol
import Synchronization

/// Random misfortunes, from one seed.
final class Faults: Sendable {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    private struct State {
        var generator: Generator
        var leader = 0
    }

    private let state: Mutex<State>

    init(seed: UInt64) {
        state = Mutex(State(generator: Generator(state: seed)))
    }

    var leader: Int { state.withLock { $0.leader } }

    func action(
        for request: SeenRequest,
        apply: () -> ReplyMessage,
        leader address: String
    ) -> FakeAction {
        let (isLeader, dice) = state.withLock { state in
            if Int.random(in: 0..<60, using: &state.generator) == 0 {
                state.leader = Int.random(in: 0..<3, using: &state.generator)
            }
            return (request.node == state.leader, Int.random(in: 0..<100, using: &state.generator))
        }
        guard isLeader else {
            return .reply(.notLeader(dice < 70 ? address : nil))
        }
        switch dice {
        case 0..<3: return .close
        case 3..<6:
            // Applied, and the reply lost.
            _ = apply()
            return .close
        case 6..<7:
            _ = apply()
            return .ignore
        case 7..<12: return .reply(.init(outcome: .unknown))
        case 12..<17:
            _ = apply()
            return .reply(.init(outcome: .unknown))
        case 17..<25:
            return .reply(.init(outcome: .refused(.overloaded, retryAfterMilliseconds: 2)))
        case 25..<28: return .reply(.init(outcome: .refused(.notReady)))
        default: return .reply(apply())
        }
    }
}

/// Replies that say which slot asked.
enum SlotReplies {
    static func naming(_ slot: UInt32) -> ReplyMessage {
        ReplyMessage(
            outcome: .done(.command(.done(number: 1, sequence: UInt64(100 + slot))))
        )
    }
}
