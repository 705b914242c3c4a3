package import CadastreProtocol

/// Who may act for whom, as of the last applied entry: what the door needs, as one value.
package struct AccessView: Sendable {
    /// A tenant as the door sees it.
    package struct Tenant: Hashable, Sendable {
        /// Its number.
        package var id: TenantID
        /// Whether it may grow.
        package var status: TenantStatus
    }

    /// Changes only when tenants or grants change; grows while the node runs.
    package var version: UInt64 = 0
    /// Every tenant, by name.
    package var tenants: [[UInt8]: Tenant] = [:]
    /// The tenants that granted a service, by the service's name.
    package var grants: [[UInt8]: Set<TenantID>] = [:]

    /// An empty view.
    package init() {}

    /// The tenant that the principal may act for under this name; nil if there is none or if it
    /// may not, which must look the same to it.
    package func tenant(named name: [UInt8], for principal: Principal) -> Tenant? {
        guard let tenant = tenants[name] else { return nil }
        switch principal {
        case .node, .operator: return nil
        case .service(let service):
            return grants[service]?.contains(tenant.id) == true ? tenant : nil
        case .tenant(let own, _): return own == name ? tenant : nil
        }
    }
}
