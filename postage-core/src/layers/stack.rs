use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceExt as _};

/// One more layer around a service, and its type forgotten. Whether the inner one is ready can
/// still be asked from outside, so a layer that sheds load sees the limit of another.
pub(super) fn stacked<R, T, L>(
    inner: BoxCloneSyncService<R, T, BoxError>,
    layer: &L,
) -> BoxCloneSyncService<R, T, BoxError>
where
    R: Send + 'static,
    T: 'static,
    L: Layer<BoxCloneSyncService<R, T, BoxError>>,
    L::Service: Service<R, Response = T> + Clone + Send + Sync + 'static,
    <L::Service as Service<R>>::Error: Into<BoxError> + 'static,
    <L::Service as Service<R>>::Future: Send + 'static,
{
    BoxCloneSyncService::new(layer.layer(inner).map_err(Into::into))
}
