package import RaftCore

/// How a cluster begins: decided once, the same on every founding member.
package struct Genesis: Hashable, Sendable {
    /// The name in the certificates.
    package var clusterName: String
    /// 128 random bits.
    package var cluster: ClusterID
    /// The founding members: voters, and one witness at most.
    package var members: [Member]
    /// Which sites it may use, and how.
    package var policy: Policy

    /// Describes a beginning.
    package init(
        clusterName: String,
        cluster: ClusterID,
        members: [Member],
        policy: Policy = .init()
    ) {
        self.clusterName = clusterName
        self.cluster = cluster
        self.members = members
        self.policy = policy
    }

    /// The configuration at index 1.
    package var configuration: Configuration {
        Configuration(members: members, featureLevel: Genesis.featureLevel, policy: policy)
    }

    /// What a cluster founded by this version is able to do.
    package static let featureLevel: UInt32 = 1

    /// The position of the founding entry: the first place, in the first term.
    package static let position = LogPosition(index: LogIndex(1), term: Term(1))
}
