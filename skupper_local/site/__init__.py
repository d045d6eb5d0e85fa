"""What a site should be and how it is: resources and facts in, router configuration, certificates and statuses out.

Data flows one way: :func:`assemble` checks the rules between resources and gives a :class:`SiteState`; :func:`derive` adds the
facts of the machine and gives a :class:`SiteModel`; :func:`router_configuration` renders it; :func:`plan` compares two
renderings; :func:`with_statuses` compares what is declared with what the router answers. All pure.

Import from the modules: a status command needs two of them, and must not pay for loading all.
"""
