internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// Who changes the members: one thing after the other, each step asked for until it is answered.
///
/// It asks as the administration door does, of any node, and asks again, elsewhere, when it is
/// refused for the moment, told that nobody knows, or not answered.
struct Operator {
    /// What it asks a node for.
    enum Request: Hashable {
        case members(MemberChange)
        case policy(PolicyChange)
    }

    /// One change, by the places of nodes.
    enum Step: Hashable {
        case add(Int)
        case rejoin(Int)
        case promote(Int)
        case demote(Int)
        case remove(Int)
        case replace(Int, by: Int)
        case setPolicy(Policy)
    }

    /// What is left of the present plan, the next step last.
    var steps: [Step] = []
    /// The plan brings back what a wiped disk took: it is not given up.
    var isRepair = false
    /// The disk that was wiped last, until its number votes again or another node votes for it.
    var wiped: Int?
    /// The newest asking; 0 before the first.
    var asked: UInt64 = 0
    /// The newest asking when a disk was wiped last: older ones get lost.
    var newestBeforeWipe: UInt64 = 0
    /// The newest asking waits for its answer.
    var isWaiting = false
    /// How often the present step was asked for.
    var attempts = 0
    /// Whom it asks next.
    var node = 0

    /// Where its answers go.
    static let connection = UInt64.max - 1
}

extension Operator.Step {
    /// Whether a node that is no member with its disk becomes one.
    func takesIn(_ node: Int) -> Bool {
        switch self {
        case .add(let place), .rejoin(let place): place == node
        case .replace(_, by: let place): place == node
        case .promote, .demote, .remove, .setPolicy: false
        }
    }
}

extension Operator.Step: CustomStringConvertible {
    /// In words for people.
    var description: String {
        switch self {
        case .add(let place): "add node \(place + 1)"
        case .rejoin(let place): "take node \(place + 1) back with its new disk"
        case .promote(let place): "give node \(place + 1) a vote"
        case .demote(let place): "take node \(place + 1)'s vote"
        case .remove(let place): "remove node \(place + 1)"
        case .replace(let place, let other): "let node \(other + 1) vote for node \(place + 1)"
        case .setPolicy(let policy): "set the policy to \(policy)"
        }
    }
}
