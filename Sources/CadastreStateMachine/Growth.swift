package import CadastreProtocol

/// What goes on when the disk is nearly full.
extension CommandTag {
    /// Whether the command takes room for what tenants store.
    ///
    /// Such commands are refused while the disk's reserve is all that is left. What gives room
    /// back, and the few rows of those who administer, go on; so do sessions, whose number is
    /// bounded, since who wants to delete needs one.
    package var isGrowing: Bool {
        switch self {
        // A batch that only removes is refused, too: who needs the room removes one by one.
        case .createBucket, .putObject, .batch: true
        case .createTenant, .updateTenant, .setTenantStatus, .deleteTenant, .grantService,
            .revokeService, .deleteBucket, .deleteObject, .openSession, .expireSession, .tick:
            false
        }
    }
}
