/// Versions of the protocol: a connection speaks the highest that both ends know.
package enum ProtocolVersion {
    /// The lowest that this build speaks.
    package static let lowest: UInt16 = 1
    /// The highest that this build speaks.
    package static let highest: UInt16 = 1
}

/// What the cluster's log may hold.
///
/// The level is replicated; a leader proposes nothing that needs a higher one, so that every node
/// can apply every entry during a rolling upgrade.
package enum FeatureLevel {
    /// What this build knows.
    package static let current: UInt32 = 1
}

extension CommandTag {
    /// Refuses a command that the cluster's level does not have.
    ///
    /// - Throws: `notSupported`.
    package func checkIsAllowed(atFeatureLevel level: UInt32) throws(ProtocolError) {
        guard neededFeatureLevel <= level else {
            throw ProtocolError(
                .notSupported,
                "the command needs feature level \(neededFeatureLevel), the cluster is at \(level)"
            )
        }
    }

    /// The lowest feature level at which a leader may propose the command.
    package var neededFeatureLevel: UInt32 {
        switch self {
        case .createTenant, .updateTenant, .setTenantStatus, .deleteTenant, .grantService,
            .revokeService, .createBucket, .deleteBucket, .putObject, .deleteObject, .openSession,
            .expireSession, .tick, .batch:
            1
        }
    }
}
