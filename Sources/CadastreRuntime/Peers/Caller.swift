internal import RaftCore

/// A node that has dialled this one.
struct Caller: Hashable {
    /// Its number.
    let node: NodeID
    /// Which life of its disk.
    let incarnation: Incarnation
    /// The configuration that this node had when it greeted did not name it so.
    ///
    /// Such a node is heard as a leader only. It may be a wiped one under its old number, and Raft,
    /// which knows numbers, would count its votes and acknowledgements as those of the disk that is
    /// gone.
    let isStranger: Bool
}
