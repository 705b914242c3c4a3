package import RaftCore

/// How a cluster begins: decided once, the same on every founding member.
package struct Genesis: Hashable, Sendable {
    /// The name in the certificates.
    package var clusterName: String
    /// 128 random bits.
    package var cluster: ClusterID
    /// The founding members: voters, and one witness at most.
    package var members: [Member]

    /// Describes a beginning.
    package init(clusterName: String, cluster: ClusterID, members: [Member]) {
        self.clusterName = clusterName
        self.cluster = cluster
        self.members = members
    }

    /// The configuration at index 1.
    package var configuration: Configuration {
        Configuration(members: members, featureLevel: Genesis.featureLevel)
    }

    /// What a cluster founded by this version is able to do.
    package static let featureLevel: UInt32 = 1

    /// The position of the founding entry: the first place, in the first term.
    package static let position = LogPosition(index: LogIndex(1), term: Term(1))
}
